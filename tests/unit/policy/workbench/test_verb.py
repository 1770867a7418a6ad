"""`lading policy test`: what it exits with, and what it tells people and programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli import lading
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import rule

POLICIES = rule("high", 'permit (principal, action == Action::"write", resource)\nwhen { principal.level > 2 }')
SUITE = """
suite: small
now: 2026-06-01T12:00:00Z
entities:
  User::ada: {attrs: {level: 3}}
  Doc::plan: {attrs: {owner: {type: User, id: ada}, title: Plan}}
defaults: {request: {principal: "User::ada", action: write, resource: "Doc::plan"}, context: {}}
cases:
  - {name: she may, expect: permit, because: [high]}
"""
LOW = "  - {name: not at two, with: {principal.level: 2}, expect: deny, because: [no-permit]}\n"

Run = Callable[..., Result]


@pytest.fixture
def run(folder: Folder) -> Run:
    """Run `lading policy test` on such policies and such a suite."""

    def command(suite: str, *options: str, policies: str = POLICIES) -> Result:
        place = folder(policies, files={"tests/small.yaml": suite})
        return CliRunner().invoke(lading, ["policy", "test", "--policies", str(place), *options])

    return command


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_it_passes_and_measures_only_what_it_is_asked_for(run: Run) -> None:
    result = run(SUITE + LOW, "--json")
    assert result.exit_code == 0
    assert told(result) == {
        "ok": True,
        "passed": 2,
        "failed": 0,
        "policies": 100,
        "atoms": None,
        "mutation": None,
        "failures": [],
        "uncovered": [],
        "survivors": [],
        "equivalents": [],
    }


def test_a_case_that_fails_exits_5(run: Run) -> None:
    result = run(SUITE.replace("permit,", "deny,"), "--json")
    assert result.exit_code == 5
    assert (told(result)["ok"], told(result)["passed"], told(result)["failed"]) == (False, 0, 1)


def test_what_no_case_has_seen_is_told_with_its_line(run: Run) -> None:
    found = told(run(SUITE, "--coverage", "--json"))
    assert found["atoms"] == 0
    assert found["uncovered"] == [
        {"place": "policies.cedar:3", "policy": "high", "condition": "principal.level > 2", "never": ["false"]}
    ]


def test_what_nobody_notices_is_told_with_its_policy(run: Run) -> None:
    found = told(run(SUITE, "--mutate", "--json"))
    assert 0 < found["mutation"] < 100
    assert {"place", "policy", "mutant", "change"} == found["survivors"][0].keys()
    assert "principal.level > 2 becomes principal.level >= 2" in {each["change"] for each in found["survivors"]}


def test_cases_for_what_is_missing_are_written_to_a_file_that_runs(run: Run) -> None:
    found = told(run(SUITE, "--suggest", "suggested.yaml", "--json"))
    assert (found["atoms"], found["suggested"]) == (0, 2)
    suggested = Path("suggested.yaml").read_text(encoding="utf-8")
    assert "read each, correct what should be otherwise" in suggested
    Path("policies/tests/suggested.yaml").write_text(suggested, encoding="utf-8")
    result = run(SUITE, "--coverage", "--json")
    assert (result.exit_code, told(result)["atoms"]) == (0, 100)


def test_where_nothing_is_missing_no_file_is_written(run: Run) -> None:
    result = run(SUITE + LOW, "--coverage", "--suggest", "suggested.yaml")
    assert "suggested nothing" in result.output
    assert not Path("suggested.yaml").exists()


@pytest.mark.parametrize(
    ("threshold", "option", "said"),
    [
        ("atoms: 51", "--coverage", "0% of the conditions were seen both ways, expected 51%"),
        ("mutation: 100", "--mutate", "% of the mutants were noticed, expected 100%"),
    ],
)
def test_a_threshold_counts_only_where_it_is_measured(run: Run, threshold: str, option: str, said: str) -> None:
    suite = f"{SUITE}thresholds: {{{threshold}}}\n"
    assert run(suite).exit_code == 0
    result = run(suite, option, "--junit", "report.xml")
    assert result.exit_code == 5
    assert said in result.output
    assert said in Path("report.xml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are written here."""
    monkeypatch.chdir(tmp_path)


def test_people_read_what_is_missing_and_why_something_is_not_counted(run: Run) -> None:
    people = POLICIES.replace("(principal,", "(principal is User,")
    result = run(SUITE, "--coverage", "--mutate", policies=people)
    assert "policies.cedar:3: high: never false: principal.level > 2" in result.output
    assert "not counted: principal is User: the schema lets it be nothing but true" in result.output
    assert "nobody notices mutant" in result.output
    assert "✔ 1 passed, 0 failed" in result.output


def test_policies_that_still_lack_their_owner_can_be_tested(run: Run) -> None:
    assert run(SUITE + LOW, policies=POLICIES.replace('@owner("tests")', "")).exit_code == 0


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (SUITE.replace("expect:", "expects:"), "small.yaml: cases.0.expect: Field required; cases.0.expects: "),
        (SUITE.replace("2026-06-01T12:00:00Z", "noon"), "small.yaml: now: "),
        ("suite: [", "small.yaml"),
        ("", "small.yaml"),
    ],
)
def test_a_suite_that_cannot_be_read_exits_7_and_names_the_field(run: Run, suite: str, said: str) -> None:
    result = run(suite)
    assert result.exit_code == 7
    assert said in result.output


def test_a_folder_without_a_suite_is_refused(folder: Folder) -> None:
    result = CliRunner().invoke(lading, ["policy", "test", "--policies", str(folder(POLICIES))])
    assert result.exit_code == 7
    assert "has no suite" in result.output
