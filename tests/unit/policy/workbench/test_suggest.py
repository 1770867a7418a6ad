"""Suggested cases: each was tried, each helps, and a person can read and run the file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.policy.bundle import PolicyBundle
from engine.policy.model import Answer, Entity, EntityUid, Request
from engine.policy.workbench.coverage import atom_coverage, questions
from engine.policy.workbench.mutation import Mutants, mutation_report
from engine.policy.workbench.situation import Situation, arrange
from engine.policy.workbench.suggest import suggest
from engine.policy.workbench.suite import Suite, load_suites, run_suites
from engine.policy.workbench.writing import Written, write_suite
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import ADA, DOC, NOON, ROOT, rule

SUITE = """
suite: small
now: 2026-06-01T12:00:00Z
entities:
  User::ada: {attrs: {level: 3}, parents: [Team::core]}
  User::bea: {attrs: {level: 4}}
  Team::core: {}
  Doc::plan: {attrs: {owner: {type: User, id: ada}, title: Plan}}
defaults: {request: {principal: User::ada, action: write, resource: Doc::plan}, context: {limit: 5}}
cases:
  - {name: she writes, expect: permit, because: [member]}
"""
POLICIES = (
    rule(
        "member",
        'permit (principal in Team::"core", action == Action::"write", resource)\n'
        "when { principal.level > 2 && resource.owner == principal && context has limit && context.limit <= 5 }",
    )
    + rule(
        "late", 'forbid (principal, action in Action::"edit", resource) when { context.now >= datetime("2027-01-01") }'
    )
    + rule("titled", 'forbid (principal, action, resource) when { ["Secret", "Old"].contains(resource.title) }')
)

Measured = tuple[int, int, int]


def measured(bundle: PolicyBundle, *suites: Suite) -> Measured:
    """Failures, atoms and mutation of suites."""
    report = run_suites(bundle, suites)
    asked = list(questions(bundle, report.outcomes))
    atoms = atom_coverage(bundle, [question for _, question in asked]).percent
    return len(report.failures), atoms, mutation_report(Mutants.of(bundle), asked, ()).percent


@pytest.fixture
def suggested(tmp_path: Path) -> Callable[..., Suite]:
    """The suite that is suggested beside others, written and read again."""

    def write(bundle: PolicyBundle, *suites: Suite) -> Suite:
        asked = list(questions(bundle, run_suites(bundle, suites).outcomes))
        coverage = atom_coverage(bundle, [question for _, question in asked])
        cases = suggest(bundle, asked, coverage, mutation_report(Mutants.of(bundle), asked, ()))
        path = tmp_path / "suggested.yaml"
        path.write_text(write_suite("suggested", cases, ["review"]), encoding="utf-8")
        return Suite.load(path)

    return write


@pytest.fixture
def small(tmp_path: Path, folder: Folder) -> tuple[PolicyBundle, Suite]:
    """Three policies, and a suite that hardly tests them."""
    path = tmp_path / "small.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return PolicyBundle.load(folder(POLICIES)), Suite.load(path)


def test_what_is_suggested_covers_and_notices_everything(
    small: tuple[PolicyBundle, Suite], suggested: Callable[..., Suite]
) -> None:
    bundle, suite = small
    assert measured(bundle, suite)[1:] < (50, 50)
    assert measured(bundle, suite, suggested(bundle, suite)) == (0, 100, 100)


def test_every_suggested_case_helps(small: tuple[PolicyBundle, Suite], suggested: Callable[..., Suite]) -> None:
    bundle, suite = small
    written = suggested(bundle, suite)
    text = written.path.read_text(encoding="utf-8")
    remarks = [line for line in text.splitlines() if line.startswith("  # ")]
    assert len(remarks) >= len(written.cases) > 5
    assert all(line.startswith(("  # notices ", "  # sees ")) for line in remarks)


def test_from_a_part_of_the_starter_suites_suggestions_lead_back_to_nearly_all(
    starter: PolicyBundle, suggested: Callable[..., Suite]
) -> None:
    some = [suite for suite in load_suites(ROOT / "policies" / "tests") if suite.name not in {"people", "receiving"}]
    _, atoms, mutation = measured(starter, *some)
    assert atoms < 95
    assert mutation < 92
    failures, atoms, mutation = measured(starter, *some, suggested(starter, *some))
    assert failures == 0
    assert atoms == 100
    assert mutation >= 98


def test_where_nothing_is_missing_nothing_is_suggested(
    small: tuple[PolicyBundle, Suite], suggested: Callable[..., Suite]
) -> None:
    bundle, suite = small
    asked = list(questions(bundle, run_suites(bundle, [suite, suggested(bundle, suite)]).outcomes))
    coverage = atom_coverage(bundle, [question for _, question in asked])
    assert suggest(bundle, asked, coverage, mutation_report(Mutants.of(bundle), asked, ())) == ()


def test_a_case_that_fails_is_no_place_to_start_from(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SUITE.replace("permit, because: [member]", "deny, because: [late]"), encoding="utf-8")
    bundle = PolicyBundle.load(folder(POLICIES))
    asked = list(questions(bundle, run_suites(bundle, [Suite.load(path)]).outcomes))
    assert suggest(bundle, asked, atom_coverage(bundle, []), mutation_report(Mutants.of(bundle), asked, ())) == ()


texts = st.text(max_size=8)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True)
values: Any = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
situations = st.builds(
    lambda context, title, level, parents, action, minutes: Situation(
        Request(ADA, action, DOC, context),
        {
            ADA: Entity(ADA, {"level": level}, tuple(EntityUid("Team", each) for each in parents)),
            DOC: Entity(DOC, {"title": title}),
        },
        datetime.fromtimestamp(NOON.timestamp() + minutes * 60, UTC),
    ),
    st.dictionaries(names.filter(lambda name: name != "now"), values, max_size=3),
    values,
    st.integers(0, 3),
    st.lists(texts.filter(bool), max_size=2, unique=True),
    st.sampled_from(["read", "write"]),
    st.integers(0, 3),
)


@given(asked=st.lists(situations, min_size=1, max_size=4), name=st.text(min_size=1))
def test_whatever_is_written_asks_the_same_when_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Situation], name: str
) -> None:
    cases = [Written(name, each, Answer.DENY, ["no-permit"], ["why:\n not"]) for each in asked]
    path = tmp_path_factory.mktemp("written") / "suite.yaml"
    path.write_text(write_suite(name, cases, ["review\nit"]), encoding="utf-8")
    suite = Suite.load(path)
    assert [case.name for case in suite.cases] == [name] * len(asked)
    for case, before in zip(suite.cases, asked, strict=True):
        after = arrange(suite.file, suite.entities, case)
        assert (after.request, after.now) == (before.request, before.now)
        assert {uid: after.entities[uid] for uid in before.entities} == before.entities


def test_what_most_situations_share_is_written_once() -> None:
    contexts: list[Any] = [{"limit": limit, "deep": {"same": 1, "other": limit}} for limit in (5, 5, 6)]
    asked = [Situation(Request(ADA, "write", DOC, each), {ADA: Entity(ADA)}, NOON) for each in contexts]
    cases = [Written("a", each, Answer.DENY, ["no-permit"]) for each in asked]
    written = yaml.safe_load(write_suite("three", cases, []))
    assert written["defaults"]["context"] == {"limit": 5, "deep": {"same": 1, "other": 5}}
    changes = {"context.deep.other": 6, "context.limit": 6}
    assert [case.get("with") for case in written["cases"]] == [None, None, changes]
