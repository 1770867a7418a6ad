"""What lint says about a whole folder: covered policies, double negations, attributes nobody reads."""

from pathlib import Path

import pytest

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle, lint_folder
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import PERMIT_ALL, ROOT, rule


def codes(folder: Path) -> list[tuple[str, int]]:
    return [
        (finding.code, finding.place.line if finding.place else 0)
        for finding in lint_folder(folder)
        if finding.code != "attribute-unused"
    ]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (rule("two", "permit (principal, action, resource)"), "policy-repeated"),
        (rule("two", 'permit (principal, action in [Action::"read", Action::"edit"], resource)'), "policy-repeated"),
        (rule("two", 'permit (principal == User::"ada", action, resource)'), "policy-shadowed"),
        (rule("two", "permit (principal, action, resource) when { principal.level > 1 }"), "policy-shadowed"),
    ],
)
def test_a_permit_that_another_covers_is_named(folder: Folder, second: str, code: str) -> None:
    assert codes(folder(PERMIT_ALL + second)) == [(code, 3)]


def test_a_permit_that_is_always_forbidden_is_named(folder: Folder) -> None:
    write = rule("write", 'permit (principal, action == Action::"write", resource)')
    edit = rule("edit", 'forbid (principal, action in Action::"edit", resource)')
    assert codes(folder(write + edit)) == [("policy-unreachable", 1)]


def test_policies_that_only_overlap_are_left_alone(folder: Folder) -> None:
    text = "".join(
        [
            rule("a", 'permit (principal == User::"ada", action, resource)'),
            rule("b", 'permit (principal, action == Action::"read", resource)'),
            rule("c", "permit (principal, action, resource) when { principal.level > 1 }"),
            rule("d", 'forbid (principal, action == Action::"read", resource) when { principal.level > 5 }'),
            rule("e", 'forbid (principal in Team::"core", action, resource)'),
        ]
    )
    assert codes(folder(text)) == []


def test_attributes_that_no_policy_reads_are_named_with_their_place(folder: Folder) -> None:
    text = rule("reads", "permit (principal, action, resource) when { principal.level > 1 && context has limit }")
    place = folder(text)
    found = [finding for finding in lint_folder(place) if finding.code == "attribute-unused"]
    schema = (place / "test.cedarschema").read_text().split("\n")
    names = []
    for finding in found:
        assert finding.place is not None
        names.append(schema[finding.place.line - 1][finding.place.column - 1 :].split(":")[0])
    assert names == ["boss?", "owner", "title", "now"]


def test_a_negated_has_is_explained_where_the_validator_only_refuses(folder: Folder) -> None:
    text = rule("neg", "forbid (principal, action, resource) when { !(context has limit) || context.limit > 5 }")
    assert set(codes(folder(text))) == {("negated-has", 2), ("schema-unmet", 2)}


def test_a_double_negation_is_named(folder: Folder) -> None:
    text = rule("neg", "forbid (principal, action, resource) unless { !(context has limit) }")
    assert codes(folder(text)) == [("negated-has", 2)]


def test_what_is_never_to_be_overridden_does_not_read_the_override(folder: Folder) -> None:
    schema = """entity User; entity Doc;
    action read appliesTo { principal: [User], resource: [Doc], context: { breakGlass?: Bool } };"""
    body = "forbid (principal, action, resource)\nunless { context has breakGlass }"
    assert codes(folder(rule("soft", body), schema=schema)) == []
    hard = '@class("never-overridable") ' + rule("hard", body)
    assert codes(folder(hard, schema=schema)) == [("override-of-never-overridable", 3)]


def test_a_broken_folder_is_told_about_like_any_other(folder: Folder) -> None:
    place = folder("permit (principal, action, resource) when {;\n" + PERMIT_ALL)
    assert codes(place) == [("syntax", 1)]
    (place / "test.cedarschema").unlink()
    assert ("schema-missing", 0) in codes(place)


def test_bundle_toml_silences_and_raises(folder: Folder) -> None:
    text = PERMIT_ALL + rule("two", "permit (principal, action, resource)")
    suppress = '[[suppress]]\npolicy = "two"\ncode = "policy-repeated"\nreason = "until it is split"\n'
    assert codes(folder(text, files={"bundle.toml": suppress})) == []
    raised = folder(text, files={"bundle.toml": '[lint]\npolicy-repeated = "error"\n'})
    assert [each.severity.value for each in lint_folder(raised) if each.code == "policy-repeated"] == ["error"]


def test_the_starter_policies_have_nothing_but_notes(starter: PolicyBundle) -> None:
    assert {finding.code for finding in lint_folder(ROOT / "policies")} <= {"attribute-unused"}
    assert starter.warnings == ()


@pytest.mark.parametrize(
    "remedy",
    [
        "データ保護責任者に連絡してください。",
        "개인정보 보호책임자에게 문의하세요.",
        "Пишите в Compliance отдел.",
        "Frag die Stelle für Ausfuhrkontrolle (輸出管理).",
    ],
)
def test_a_remedy_may_be_in_any_language_and_quote_another(folder: Folder, remedy: str) -> None:
    text = f'@id("a") @owner("t") @remedy("{remedy}") permit (principal, action, resource);'
    assert PolicyBundle.load(folder(text)).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        '@id("a") @owner("t") @remedy("Ask \u0430dmin.") permit (principal, action, resource);',
        '@id("a") @owner("t") @remedy("Ask \u202eadmin.") permit (principal, action, resource);',
        '@id("a") @owner("t") @remedy("Ask.\\npermitted") permit (principal, action, resource);',
        rule("a", 'permit (principal == User::"\u0430da", action, resource)'),
        rule("a", 'permit (principal, action, resource) when { resource.title == "two Пишите words" }'),
        rule("a", 'permit (principal, action, resource) when { resource.title == "two\\nlines" }'),
        rule("a", 'permit (principal, action, resource) when { resource.title like "\u0430*dmin" }'),
    ],
)
def test_what_reads_as_something_else_is_an_error(folder: Folder, text: str) -> None:
    with pytest.raises(PolicyError, match="text-disguised"):
        PolicyBundle.load(folder(text))
