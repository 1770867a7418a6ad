"""Where a finding says it is: line, column and a caret."""

import pytest

from engine.errors import PolicyError
from engine.policy.bundle import BrokenPolicies, PolicyBundle
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import PERMIT_ALL, rule


def broken(folder: Folder, text: str) -> BrokenPolicies:
    with pytest.raises(BrokenPolicies) as caught:
        PolicyBundle.load(folder(text))
    return caught.value


@pytest.mark.parametrize(
    ("body", "line", "pointed"),
    [
        ("permit (principal, action, resource)\nwhen { principal.level > > 1 }", 5, "> 1 }"),
        ("permit (principal, action, resource)\nwhen { foo bar }", 5, "bar }"),
        ("prmit (principal, action, resource)", 4, "prmit"),
        ("permit (principal, action, resource)\nwhen {\n  principal.levle > 1 }", 6, "levle > 1"),
        ('permit (principal == Usr::"ada", action, resource)', 4, "Usr::"),
        ('permit (principal, action == Action::"raed", resource)', 4, 'Action::"raed"'),
        ('permit (principal, action in Action::"transfer", resource)', 4, 'Action::"transfer"'),
        ("forbid (principal, action, resource)\nwhen { principal.level > 1 && !(principal.level > 1) }", 5, "when"),
        ("permit (principal, action, resource) when { principal.boss.level > 1 }", 4, "boss"),
    ],
)
def test_a_finding_points_at_the_token_it_is_about(folder: Folder, body: str, line: int, pointed: str) -> None:
    text = PERMIT_ALL + rule("odd", body)
    (finding, *_) = broken(folder, text).findings
    assert finding.place is not None
    assert (finding.place.file, finding.place.line) == ("policies.cedar", line)
    assert text.split("\n")[line - 1][finding.place.column - 1 :].startswith(pointed)


def test_the_line_is_shown_with_a_caret_under_the_place(folder: Folder) -> None:
    said = str(broken(folder, PERMIT_ALL + " " * 3 + rule("odd", "\tpermit (principal action, resource)")))
    *_, shown, caret = said.splitlines()
    assert shown == "    \tpermit (principal action, resource);"
    assert shown[len(caret) - 1 :].startswith("action, resource")


def test_columns_count_behind_other_policies_of_the_line(folder: Folder) -> None:
    text = PERMIT_ALL.replace("\n", " ") + '@id("two") @owner("t") permit (principal, action, resource);'
    (finding,) = broken(folder, text).findings
    assert finding.place is not None
    assert text[finding.place.column - 1 :].startswith('@id("two")')
    assert finding.to_json()["column"] == finding.place.column


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("principal.levle > 1", "level"), ('principal in Teem::"core"', "Team"), ("context.limt > 1", "limit")],
)
def test_what_may_have_been_meant_is_named(folder: Folder, wrong: str, right: str) -> None:
    text = rule("odd", f"permit (principal, action, resource) when {{ {wrong} }}")
    assert f"did you mean {right}?" in str(broken(folder, text))


def test_a_name_like_no_other_suggests_nothing(folder: Folder) -> None:
    text = rule("odd", "permit (principal, action, resource) when { principal.zzz > 1 }")
    with pytest.raises(PolicyError) as caught:
        PolicyBundle.load(folder(text))
    assert "did you mean" not in str(caught.value)
