"""Mutation: deliberate faults by fixed operators, which of them the cases notice, and which nobody could."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cedarpy import PolicySet, pst

from engine.policy.atoms import probe_set
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.tree import policy_set
from engine.policy.workbench.certain import askable
from engine.policy.workbench.coverage import questions
from engine.policy.workbench.form import Equivalent
from engine.policy.workbench.mutants import Mutant, mutants_of
from engine.policy.workbench.mutation import Mutants, MutationReport, mutation_report
from engine.policy.workbench.suite import Outcome, Suite, load_suites, run_suites
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import ROOT, SCHEMA, rule

HEAD = """
suite: small
now: 2026-06-01T12:00:00Z
entities:
  User::ada: {attrs: {level: 3}, parents: ["Team::core"]}
  Team::core: {}
  Doc::plan: {attrs: {owner: {type: User, id: ada}, title: Plan}}
defaults: {request: {principal: "User::ada", action: write, resource: "Doc::plan"}, context: {}}
cases:
"""
HIGH = rule("high", 'permit (principal, action == Action::"write", resource) when { principal.level > 2 }')
MAY = "{name: she may, expect: permit, because: [high]}"
EDGE = "{name: at two, with: {principal.level: 2}, expect: deny, because: [no-permit]}"

READ = "{name: reads, request: {action: read}, expect: deny, because: [no-permit]}"
LOW = "{name: low, expect: deny, because: [no-permit]}"

Measure = Callable[..., MutationReport]
Changes = Callable[[str], dict[str, list[str]]]


@pytest.fixture
def changes(folder: Folder) -> Changes:
    """What is changed in a policy, by operator."""

    def of(body: str) -> dict[str, list[str]]:
        bundle = PolicyBundle.load(folder(rule("high", body)))
        found: dict[str, list[str]] = {}
        for mutant in mutants_of(bundle.policies["high"], askable(bundle.slices, bundle.schema)):
            found.setdefault(mutant.id.partition("-")[0], []).append(mutant.change)
        return found

    return of


@pytest.fixture
def measure(folder: Folder, tmp_path: Path) -> Measure:
    """How many faults in policies such cases notice."""

    def report(
        policies: str, *cases: str, declared: tuple[Equivalent, ...] = (), schema: str = SCHEMA
    ) -> MutationReport:
        bundle = PolicyBundle.load(folder(policies, schema=schema))
        path = tmp_path / "small.yaml"
        path.write_text(HEAD + "".join(f"  - {case}\n" for case in cases), encoding="utf-8")
        outcomes = run_suites(bundle, [Suite.load(path)]).outcomes
        return mutation_report(Mutants.of(bundle), list(questions(bundle, outcomes)), declared)

    return report


def surviving(report: MutationReport) -> list[str]:
    return [mutant.change for mutant in report.survivors]


def test_a_policy_is_removed_and_its_effect_turned_round(changes: Changes) -> None:
    assert changes("permit (principal, action, resource)") == {
        "effect": ["permit becomes forbid", "without the permit"]
    }
    assert changes('forbid (principal, action == Action::"read", resource)')["effect"] == [
        "forbid becomes permit",
        "without the forbid",
    ]


def test_the_scope_loses_its_principal_its_resource_and_its_actions(changes: Changes) -> None:
    body = 'permit (principal is User in Team::"core", action in Action::"edit", resource == Doc::"plan")'
    assert changes(body)["scope"] == [
        "without principal is User",
        'without principal in Team::"core"',
        'without principal is User && principal in Team::"core"',
        'without resource == Doc::"plan"',
        "without action in [erase, write]",
        "without action erase",
        "without action write",
    ]


def test_a_clause_is_dropped_or_becomes_the_other(changes: Changes) -> None:
    found = changes("permit (principal, action, resource) when { principal.level > 2 } unless { context has limit }")
    assert found["clause"] == [
        "without when { principal.level > 2 }",
        "when { principal.level > 2 } becomes unless",
        "without unless { context has limit }",
        "unless { context has limit } becomes when",
    ]


def test_conditions_beside_others_are_dropped_and_negated(changes: Changes) -> None:
    found = changes(
        "permit (principal, action, resource) "
        "when { context has limit && !(context.limit < 3 || principal == resource.owner) }"
    )
    assert found["atom"] == [
        "without context has limit",
        "context has limit becomes !(context has limit)",
        "without !(context.limit < 3 || principal == resource.owner)",
        "!(context.limit < 3 || principal == resource.owner) becomes context.limit < 3 || principal == resource.owner",
        "without context.limit < 3",
        "context.limit < 3 becomes !(context.limit < 3)",
        "without principal == resource.owner",
    ]


@pytest.mark.parametrize(
    ("condition", "becomes"),
    [
        ("principal.level < 3", "principal.level < 3 becomes principal.level <= 3"),
        ("principal.level <= 3", "principal.level <= 3 becomes principal.level < 3"),
        ("principal.level > 3", "principal.level > 3 becomes principal.level >= 3"),
        ("principal.level >= 3", "principal.level >= 3 becomes principal.level > 3"),
        ("principal == resource.owner", "principal == resource.owner becomes principal != resource.owner"),
        ("principal != resource.owner", "principal != resource.owner becomes principal == resource.owner"),
        ("[1].containsAll([principal.level])", "[1].containsAll([principal.level]) becomes [1].containsAny([pri"),
        ("[1].containsAny([principal.level])", "[1].containsAny([principal.level]) becomes [1].containsAll([pri"),
        ("context has limit && context.limit == 3", "&& before context.limit == 3 becomes ||"),
        ("principal.level == 1 || principal == resource.owner", "|| before principal == resource.owner becomes &&"),
    ],
)  # fmt: skip
def test_a_comparison_becomes_its_neighbour(changes: Changes, condition: str, becomes: str) -> None:
    found = changes(f"permit (principal, action, resource) when {{ {condition} }}")["comparison"]
    assert any(each.startswith(becomes) for each in found)


@pytest.mark.parametrize(
    ("condition", "becomes"),
    [
        ("principal.level == 3", ["3 becomes 2", "3 becomes 4"]),
        ("principal.level == 9223372036854775807", ["9223372036854775807 becomes 9223372036854775806"]),
        ('resource.title == "Plan"', ['"Plan" becomes "Plan~"']),
        ('resource.title like "P*"', ['resource.title like "P*" becomes resource.title like "P*~"']),
        ('["a", "b"].contains(resource.title)', ['"a" becomes "a~"', '"b" becomes "b~"']),
        ("if principal == resource.owner then true else false", ["true becomes false", "false becomes true"]),
        (
            'context.now < datetime("2027-01-01")',
            [
                f'datetime("2027-01-01") becomes datetime("{moment}")'
                for moment in ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.001Z")
            ],
        ),
        ('ip("10.0.0.1").isLoopback() || principal.level == 1', ["1 becomes 0", "1 becomes 2"]),
    ],
)
def test_a_constant_becomes_its_neighbour(changes: Changes, condition: str, becomes: list[str]) -> None:
    assert changes(f"permit (principal, action, resource) when {{ {condition} }}")["constant"] == becomes


def test_the_same_fault_has_the_same_id_whatever_stands_around_it(folder: Folder) -> None:
    def ids(policies: str) -> dict[str, str]:
        bundle = PolicyBundle.load(folder(policies))
        policy = bundle.policies["high"]
        return {mutant.id: mutant.change for mutant in mutants_of(policy, askable(bundle.slices, bundle.schema))}

    before = ids(HIGH)
    after = ids(rule("other", "forbid (principal, action, resource) when { principal.level > 9 }") + "\n" + HIGH)
    assert before == after
    assert len(before) == len(set(before))
    assert before.keys() != ids(HIGH.replace("> 2", "> 3")).keys()


def test_no_two_mutants_of_the_starter_policies_share_an_id(starter: PolicyBundle) -> None:
    asked = askable(starter.slices, starter.schema)
    named = [(mutant.policy, mutant.id) for policy in starter.policies.values() for mutant in mutants_of(policy, asked)]
    assert len(named) == len(set(named)) > 500


def test_cases_on_both_sides_of_a_boundary_notice_every_fault(measure: Measure) -> None:
    report = measure(HIGH, MAY, EDGE, READ)
    assert (report.percent, report.survivors) == (100, ())


def test_a_fault_that_no_case_notices_survives(measure: Measure) -> None:
    report = measure(HIGH, MAY)
    assert surviving(report) == [
        "without action in [write]",
        "without when { principal.level > 2 }",
        "principal.level > 2 becomes principal.level >= 2",
        "2 becomes 1",
    ]  # fmt: skip
    assert 0 < report.percent < 100


def test_a_fault_that_changes_the_reason_alone_is_noticed_where_the_case_says_why(measure: Measure) -> None:
    two = HIGH + rule(
        "owner", 'permit (principal, action == Action::"write", resource) when { resource.owner == principal }'
    )
    told = measure(two, "{name: she may, expect: permit, because: [high, owner]}")
    untold = measure(two, "{name: she may, expect: permit}")
    assert "without the permit" in surviving(untold)
    assert "without the permit" not in surviving(told)


def test_a_case_that_fails_notices_nothing(measure: Measure) -> None:
    report = measure(HIGH, "{name: wrong, expect: deny, because: [no-permit]}")
    assert report.percent == 0


def test_a_forbid_that_comes_to_fail_is_noticed_as_the_guard_notices_it(measure: Measure) -> None:
    policies = rule("all", "permit (principal, action, resource)") + rule(
        "far", "forbid (principal, action, resource) when { principal.level + 9223372036854775804 < 0 }"
    )
    report = measure(policies, "{name: she may, expect: permit, because: [all]}")
    assert "9223372036854775804 becomes 9223372036854775805" not in surviving(report)
    assert "9223372036854775804 becomes 9223372036854775803" in surviving(report)


def test_what_the_schema_refuses_is_told_and_not_counted(measure: Measure) -> None:
    policy = rule("limited", "permit (principal, action, resource) when { context has limit && context.limit < 5 }")
    report = measure(policy, LOW)
    reasons = {same.mutant.change: same.reason for same in report.equivalents}
    assert reasons["without context has limit"].startswith("the schema refuses it: ")
    assert "without context has limit" not in surviving(report)


def test_a_condition_that_cannot_be_false_is_dropped_without_counting(measure: Measure) -> None:
    report = measure(rule("people", 'permit (principal is User, action == Action::"write", resource)'), READ)
    assert [(same.mutant.change, same.reason) for same in report.equivalents] == [
        ("without principal is User", "the schema lets what it drops be nothing but true")
    ]


def test_what_says_the_same_in_other_words_counts_once(measure: Measure) -> None:
    report = measure(rule("own", "permit (principal, action, resource) when { principal == resource.owner }"), READ)
    (same,) = [each for each in report.equivalents if "means" in each.reason]
    assert same.mutant.change == "principal == resource.owner becomes principal != resource.owner"
    turned = next(each for each in report.survivors if each.change.endswith("becomes unless"))
    assert same.reason == f"means what {turned.id} means"


def declared(mutant: Mutant, reason: str = "nobody is at the boundary") -> Equivalent:
    return Equivalent(policy=mutant.policy, mutant=mutant.id, reason=reason)


MANY = HIGH + "".join(
    rule(f"more-{number}", f"permit (principal, action, resource) when {{ principal.level > {number + 5} }}")
    for number in range(5)
)  # fmt: skip


def test_a_declared_equivalent_is_listed_with_its_reason_and_not_counted(measure: Measure) -> None:
    before = measure(MANY, MAY)
    one = before.survivors[0]
    after = measure(MANY, MAY, declared=(declared(one),))
    assert after.complaints == ()
    assert (after.counted, len(after.survivors)) == (before.counted - 1, len(before.survivors) - 1)
    (same,) = [each for each in after.equivalents if each.declared]
    assert (same.mutant, same.reason) == (one, "nobody is at the boundary")


def test_more_than_five_percent_declared_are_refused(measure: Measure) -> None:
    two = measure(MANY, MAY).survivors[:3]
    report = measure(MANY, MAY, declared=tuple(map(declared, two)))
    (complaint,) = report.complaints
    assert complaint.endswith("mutants are declared equivalent, expected 5% at most")


def test_a_declared_equivalent_that_a_case_notices_is_refused(measure: Measure) -> None:
    one = next(each for each in measure(MANY, MAY).survivors if each.change == "2 becomes 1")
    report = measure(MANY, MAY, EDGE, declared=(declared(one),))
    assert report.complaints == (f"the declared equivalent high {one.id} is noticed by a case, and so is none",)


def test_a_declared_equivalent_that_is_no_mutant_is_refused(measure: Measure) -> None:
    gone = Equivalent(policy="high", mutant="constant-00000000", reason="once it was one")
    report = measure(MANY, MAY, declared=(gone,))
    assert report.complaints == (
        "the declared equivalent high constant-00000000 is no mutant; the policy may have changed",
    )


def test_progress_tells_every_case(starter: PolicyBundle) -> None:
    outcomes = run_suites(starter, [Suite.load(ROOT / "samples" / "suite.yaml")]).outcomes
    told: list[tuple[int, int]] = []
    mutation_report(Mutants.of(starter), list(questions(starter, outcomes)), (), lambda *far: told.append(far))
    assert told == [(number, 11) for number in range(1, 12)]


def really_noticed(bundle: PolicyBundle, mutant: Mutant, outcomes: tuple[Outcome, ...]) -> Iterator[str]:
    """The cases that fail when the whole engine decides by the faulty policies."""
    faulty = {id_: policy for id_, policy in bundle.policies.items() if id_ != mutant.policy}
    if mutant.node is not None:
        original = bundle.policies[mutant.policy]
        everywhere = isinstance(mutant.node.action, pst.ScopeAny)
        actions = frozenset(bundle.slices) if everywhere else original.actions
        faulty[mutant.policy] = replace(original, node=mutant.node, actions=actions)
    slices = {}
    for action, within in bundle.slices.items():
        here = {id_: policy for id_, policy in faulty.items() if action in policy.actions}
        rules = PolicySet.from_pst(policy_set({id_: policy.node for id_, policy in here.items()}))
        slices[action] = replace(
            within, policies=here, rules=rules, rules_near=lambda _, all_=rules: all_, probes=lambda _: probe_set([])
        )
    engine = PolicyEngine(replace(bundle, policies=faulty, slices=slices))
    for outcome in outcomes:
        asked = outcome.situation
        decision = engine.decide(asked.request, asked.entities.values(), asked.now)
        if not replace(outcome, decision=decision).passed:
            yield outcome.case.name


@pytest.mark.parametrize("part", range(4))
def test_a_mutant_is_noticed_exactly_where_the_engine_decides_otherwise(starter: PolicyBundle, part: int) -> None:
    outcomes = run_suites(starter, load_suites(ROOT / "policies" / "tests")).outcomes[part::4]
    asked = list(questions(starter, outcomes))
    answered = tuple(outcome for outcome, _ in asked)
    mutants = Mutants.of(starter).living[part::31]
    trial = Mutants.of(starter).trial(mutants)
    noticed: dict[tuple[str, str], list[str]] = {(mutant.policy, mutant.id): [] for mutant in mutants}
    for outcome, question in asked:
        for mutant in trial.noticed(question, outcome.case):
            noticed[mutant.policy, mutant.id].append(outcome.case.name)
    for mutant in mutants:
        assert noticed[mutant.policy, mutant.id] == list(really_noticed(starter, mutant, answered)), mutant.change
