"""Test suites of policies: what a case may say, and when a suite fails."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.workbench.suite import Suite, SuiteReport, load_suites, run_suites
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import ROOT, rule

WORLD = """
- uid: {type: User, id: ada}
  attrs: {level: 3}
- uid: {type: Doc, id: plan}
  attrs: {owner: {type: User, id: ada}, title: Plan}
"""
HEAD = """
suite: small
now: 2026-06-01T12:00:00Z
entities: world.yaml
defaults:
  request: {principal: "User::ada", action: write, resource: "Doc::plan"}
  context: {limit: 5}
cases:
"""
POLICIES = rule("high", "permit (principal, action, resource) when { principal.level > 2 }") + rule(
    "old", 'forbid (principal, action, resource) when { context.now > datetime("2027-01-01") }'
)


@pytest.fixture
def suite(tmp_path: Path) -> Any:
    """A suite over the small world, of these cases."""

    def write(cases: str, *, head: str = HEAD) -> Suite:
        (tmp_path / "world.yaml").write_text(WORLD, encoding="utf-8")
        path = tmp_path / "small.yaml"
        path.write_text(head + cases, encoding="utf-8")
        return Suite.load(path)

    return write


@pytest.fixture
def run(suite: Any, folder: Folder) -> Any:
    """The report of such a suite."""

    def report(cases: str, *, head: str = HEAD) -> SuiteReport:
        return run_suites(PolicyBundle.load(folder(POLICIES)), [suite(cases, head=head)])

    return report


def test_the_shipped_sample_passes(starter: PolicyBundle) -> None:
    report = run_suites(starter, [Suite.load(ROOT / "samples" / "suite.yaml")])
    assert report.failures == ()
    assert len(report.outcomes) == 3


def test_a_suite_passes_when_every_answer_and_every_reason_is_the_expected_one(run: Any) -> None:
    report = run("""
  - {name: she may, expect: permit, because: [high]}
  - {name: she may for any reason, expect: permit}
  - {name: not from 2027 on, with: {context.now: 2027-01-02T00:00:00Z}, expect: deny, because: [old]}
  - {name: not below level 3, with: {principal.level: 2}, expect: deny, because: [no-permit]}
  - {name: not whatever she likes, with: {context.cake: 1}, expect: deny, because: [request-refused]}
  - {name: not without a title, with: {resource.title: null}, expect: deny, because: [entity-refused]}
  - {name: not to a ghost, request: {principal: "User::ghost"}, expect: deny, because: [dangling-reference]}
""")
    assert report.passed
    assert (report.coverage, report.unused) == (100, ())


def test_the_wrong_answer_fails(run: Any) -> None:
    report = run("\n  - {name: she may not, expect: deny, because: [old]}")
    assert report.failures == ("small: she may not: expected deny because old, found permit because high",)


def test_the_right_answer_for_another_reason_fails(run: Any) -> None:
    report = run("\n  - {name: level, with: {principal.level: 1}, expect: deny, because: [old]}")
    assert report.failures == ("small: level: expected deny because old, found deny because no-permit",)


def test_a_policy_that_no_case_needs_fails_the_threshold(run: Any) -> None:
    head = HEAD.replace("cases:", "thresholds: {policies: 51}\ncases:")
    report = run("\n  - {name: she may, expect: permit}", head=head)
    assert not report.passed
    assert report.failures == ("50% of the policies decide a case, expected 51%: not old",)


def test_a_case_leaves_the_world_as_it_was(run: Any) -> None:
    report = run("""
  - {name: lowered, with: {principal.level: 1, context.limit: 9}, expect: deny, because: [no-permit]}
  - {name: as before, expect: permit}
""")
    assert report.passed
    assert report.outcomes[1].decision.record.count(b'"limit":5') == 1


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{name: why, expect: deny}", "'why' expects a denial, expected under 'because'"),
        ("{name: maybe, expect: perhaps}", 'cases.0.expect: found "perhaps"'),
        ("{name: odd, expect: permit, when: now}", "cases.0.when"),
        ('{name: who, request: {principal: "ada"}, expect: permit}', "expected TYPE::ID"),
    ],
)
def test_a_case_that_means_nothing_is_refused(suite: Any, case: str, said: str) -> None:
    with pytest.raises(InputError, match=r"small\.yaml") as caught:
        suite(f"\n  - {case}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{name: a, with: {weather.rain: true}, expect: permit}", "changes weather.rain, expected a path"),
        ("{name: a, with: {context: 1}, expect: permit}", "changes context, expected a path"),
        ("{name: a, with: {context.deep.er: 1}, expect: permit}", "changes deep.er, but there is no record deep"),
        ("{name: a, with: {context.now: noon}, expect: permit}", "sets context.now to 'noon'"),
        (
            '{name: a, request: {resource: "Doc::x"}, with: {resource.title: T}, expect: permit}',
            'nothing is known about Doc::"x"',
        ),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(run: Any, case: str, said: str) -> None:
    with pytest.raises(InputError, match="suite small: the case 'a'") as caught:
        run(f"\n  - {case}")
    assert said in str(caught.value)


def test_a_case_names_its_whole_request(run: Any) -> None:
    head = HEAD.replace('principal: "User::ada", ', "")
    with pytest.raises(InputError, match="names no principal"):
        run("\n  - {name: who, expect: permit}", head=head)


@pytest.mark.parametrize("entities", ["/etc/passwd", "../world.yaml", "a/../../world.yaml"])
def test_the_world_lies_below_the_suite(suite: Any, entities: str) -> None:
    with pytest.raises(InputError, match="expected a file below the folder of the suite"):
        suite("\n  - {name: a, expect: permit}", head=HEAD.replace("world.yaml", entities))


def test_every_suite_of_a_folder_is_read_by_name() -> None:
    names = [each.name for each in load_suites(ROOT / "policies" / "tests")]
    assert names == ["administration", "break-glass", "handoff", "onward transfer", "people", "receiving", "use"]
