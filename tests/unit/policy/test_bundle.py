"""What a policy folder must be, and what is said when it is not."""

from pathlib import Path

import pytest

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.model import EntityUid
from engine.policy.source import MAX_FILE_BYTES
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import PERMIT_ALL, SCHEMA, rule

FORBID_EDIT = rule("no-edit", 'forbid (principal, action in Action::"edit", resource)')


def refusal(folder: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        PolicyBundle.load(folder)
    assert caught.value.remedy
    return str(caught.value)


def test_policies_are_known_by_their_id_and_place(folder: Folder) -> None:
    bundle = PolicyBundle.load(folder(f"// Everything.\n{PERMIT_ALL}\n{FORBID_EDIT}"))
    assert list(bundle.policies) == ["allow", "no-edit"]
    policy = bundle.policies["no-edit"]
    assert (policy.place, policy.owner, policy.remedy) == ("policies.cedar:5", "tests", "Do no-edit.")
    assert policy.forbids
    assert not bundle.policies["allow"].forbids


def test_each_action_has_the_policies_that_can_apply_to_it(folder: Folder) -> None:
    bundle = PolicyBundle.load(folder(PERMIT_ALL + FORBID_EDIT))
    assert {action: list(each.policies) for action, each in bundle.slices.items()} == {
        "edit": ["allow", "no-edit"],
        "write": ["allow", "no-edit"],
        "erase": ["allow", "no-edit"],
        "read": ["allow"],
    }


def test_the_digest_names_the_content_and_not_the_tests(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    before = PolicyBundle.load(place).digest
    (place / "tests").mkdir()
    (place / "tests" / "more.yaml").write_text("suite: more", encoding="utf-8")
    (place / "README.md").write_text("Read me.", encoding="utf-8")
    assert PolicyBundle.load(place).digest == before
    assert PolicyBundle.load(folder(f"{PERMIT_ALL} ")).digest != before


def test_the_same_policies_under_another_file_name_are_another_bundle(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    before = PolicyBundle.load(place).digest
    (place / "policies.cedar").rename(place / "other.cedar")
    assert PolicyBundle.load(place).digest != before


@pytest.mark.parametrize("missing", ["id", "owner", "remedy"])
def test_every_policy_says_its_id_its_owner_and_a_remedy(folder: Folder, missing: str) -> None:
    lines = {"id": '@id("one")', "owner": '@owner("me")', "remedy": '@remedy("Ask.")'}
    del lines[missing]
    text = "\n".join([*lines.values(), "permit (principal, action, resource);"])
    assert f"no @{missing}, expected one" in refusal(folder(text))


def test_an_empty_annotation_is_none(folder: Folder) -> None:
    assert "no @remedy" in refusal(folder('@id("a") @owner("b") @remedy("  ") permit (principal, action, resource);'))


@pytest.mark.parametrize(
    "annotation",
    ['@obligaton("approval")', '@obligation("cake")', '@disclose("everybody")', '@class("soft")', "@note"],
)
def test_an_annotation_that_means_nothing_is_refused(folder: Folder, annotation: str) -> None:
    assert "means nothing here" in refusal(folder(f"{annotation} {PERMIT_ALL}"))


def test_annotations_that_mean_something_are_kept(folder: Folder) -> None:
    text = f'@obligation("approval") @disclose("partner") @class("never-overridable") {PERMIT_ALL}'
    policy = PolicyBundle.load(folder(text)).policies["allow"]
    assert (policy.obligation, policy.disclosed) == ("approval", True)


@pytest.mark.parametrize("id_", ["Deny", "deny_it", "-deny", "deny`", "déni"])
def test_an_id_is_lower_case_with_hyphens(folder: Folder, id_: str) -> None:
    assert "not written in lower case" in refusal(folder(rule(id_, "permit (principal, action, resource)")))


def test_what_does_not_parse_is_named_by_file_and_line(folder: Folder) -> None:
    broken = rule("broken", "permit (principal, action, resource) when { context.limit = 1 }")
    assert "policies.cedar:4:59: '=' is not a valid operator" in refusal(folder(PERMIT_ALL + broken))


def test_what_does_not_fit_the_schema_is_named_by_file_line_and_policy(folder: Folder) -> None:
    wrong = rule("wrong", "permit (principal, action, resource) when { principal.levle > 1 }")
    said = refusal(folder(PERMIT_ALL, files={"more.cedar": f"\n{wrong}"}))
    assert "more.cedar:3:55: policy wrong: " in said
    assert "`levle`" in said
    assert "did you mean level?" in said


def test_every_problem_is_told_at_once_up_to_a_limit(folder: Folder) -> None:
    said = refusal(folder("permit (principal, action, resource);\n" * 30))
    assert "policies.cedar:7:1: policy without @id" in said
    assert said.endswith("and 70 more")


def test_a_policy_that_is_not_closed_is_not_forgotten(folder: Folder) -> None:
    assert "policies.cedar:4:54" in refusal(folder(PERMIT_ALL + FORBID_EDIT.rstrip().removesuffix(";")))


def test_a_lone_semicolon_is_no_policy(folder: Folder) -> None:
    assert "policies.cedar:3" in refusal(folder(f"{PERMIT_ALL};"))


def test_templates_are_refused(folder: Folder) -> None:
    text = rule("template", "permit (principal == ?principal, action, resource)")
    assert "a template with slots" in refusal(folder(text))


def test_a_policy_in_a_subfolder_would_be_forgotten_and_is_refused(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "more").mkdir()
    (place / "more" / "forbid.cedar").write_text(FORBID_EDIT, encoding="utf-8")
    assert "stands in a subfolder" in refusal(place)


def test_a_policy_file_counts_whatever_the_case_of_its_name(folder: Folder) -> None:
    bundle = PolicyBundle.load(folder(PERMIT_ALL, files={"MORE.CEDAR": FORBID_EDIT}))
    assert set(bundle.policies) == {"allow", "no-edit"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"second.cedarschema": SCHEMA}, "2 files end in .cedarschema, expected one"),
        ({"test.cedarschema": "entity User {"}, "test.cedarschema:1:13: this is not a Cedar schema"),
        (
            {"test.cedarschema": "namespace Odd { entity A; action a appliesTo { principal: A, resource: A }; }"},
            "namespace",
        ),
    ],
)
def test_there_is_one_schema_and_it_is_one(folder: Folder, files: dict[str, str], said: str) -> None:
    assert said in refusal(folder(PERMIT_ALL, files=files))


def test_a_folder_without_policies_is_not_a_bundle(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "policies.cedar").unlink()
    assert "0 files end in .cedar" in refusal(place)
    assert "is not a folder" in refusal(place / "nowhere")


def test_a_file_that_is_not_text_is_refused(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "bad.cedar").write_bytes(b"// \xff")
    assert "byte 3 is not UTF-8" in refusal(place)


def test_a_file_that_is_too_large_is_refused(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "large.cedar").write_bytes(b"/" * (MAX_FILE_BYTES + 1))
    assert f"more than {MAX_FILE_BYTES} bytes" in refusal(place)


def test_a_file_that_cannot_be_read_is_refused(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "folder.cedar").mkdir()
    assert "folder.cedar cannot be read" in refusal(place)


def test_policies_about_others_are_not_asked(folder: Folder) -> None:
    teams = "".join(
        rule(f"team-{number}", f'permit (principal in Team::"t{number}", action, resource == Doc::"plan")')
        for number in range(10)
    )
    here = PolicyBundle.load(folder(teams + FORBID_EDIT)).slices["write"]
    plan, one = EntityUid("Doc", "plan"), EntityUid("Team", "t1")
    assert here.scoped == {plan, *(EntityUid("Team", f"t{number}") for number in range(10))}
    assert len(here.rules_near(frozenset({plan, one}))) == 2
    assert len(here.rules_near(frozenset({one}))) == 1
    assert here.rules_near(frozenset({plan, one})) is here.rules_near(frozenset({one, plan}))
    assert here.rules_near(here.scoped) is here.rules
