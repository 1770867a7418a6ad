"""Coverage: which conditions the cases of a suite have seen both true and false, and where these stand."""

from typing import Any

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.source import read_folder
from engine.policy.workbench.certain import askable, certain_atoms, refusals
from engine.policy.workbench.coverage import AtomCoverage, atom_coverage, questions
from engine.policy.workbench.places import places_of_atoms
from engine.policy.workbench.suite import Suite, run_suites
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import SCHEMA, rule

HEAD = """
suite: small
now: 2026-06-01T12:00:00Z
entities:
  User::ada: {attrs: {level: 3}}
  Doc::plan: {attrs: {owner: {type: User, id: ada}, title: Plan}}
defaults: {request: {principal: "User::ada", action: write, resource: "Doc::plan"}, context: {}}
cases:
"""
TWO = rule("high", "permit (principal, action, resource) when { principal.level > 2 && resource.owner == principal }")


@pytest.fixture
def cover(folder: Folder, tmp_path: Any) -> Any:
    """The coverage of policies by such cases."""

    def measure(policies: str, *cases: str, schema: str = SCHEMA) -> AtomCoverage:
        bundle = PolicyBundle.load(folder(policies, schema=schema))
        path = tmp_path / "small.yaml"
        path.write_text(HEAD + "".join(f"  - {case}\n" for case in cases), encoding="utf-8")
        report = run_suites(bundle, [Suite.load(path)])
        return atom_coverage(bundle, [question for _, question in questions(bundle, report.outcomes)])

    return measure


PERMIT = "{name: she may, expect: permit}"
LOW = "{name: low, with: {principal.level: 1}, expect: deny, because: [no-permit]}"
OTHERS = """{name: others', with: {resource.owner: {type: User, id: bea}}, entities: {"User::bea": {attrs: {level: 1}}},
    expect: deny, because: [no-permit]}"""


def test_a_condition_counts_once_it_was_true_and_false(cover: Any) -> None:
    assert cover(TWO, PERMIT, LOW, OTHERS).percent == 100
    half = cover(TWO, PERMIT, LOW)
    assert half.percent == 50
    assert [(each.text, each.values) for each in half.missing] == [("resource.owner == principal", (False,))]


def test_a_condition_that_was_only_false_lacks_true(cover: Any) -> None:
    assert [each.values for each in cover(TWO, LOW).missing] == [(True,), (False,)]


def test_a_case_for_another_action_sees_nothing(cover: Any) -> None:
    policy = rule("erasing", 'permit (principal, action == Action::"erase", resource) when { principal.level > 2 }')
    assert [each.values for each in cover(policy, LOW).missing] == [(True, False)]


def test_a_request_that_cedar_refused_covers_nothing(cover: Any) -> None:
    refused = "{name: odd, with: {context.cake: 1}, expect: deny, because: [request-refused]}"
    assert [each.values for each in cover(TWO, refused).missing] == [(True, False), (True, False)]


def test_a_condition_that_could_not_be_evaluated_was_neither(cover: Any) -> None:
    policy = rule("limited", "permit (principal, action, resource) when { context has limit && context.limit < 5 }")
    missing = cover(policy, LOW).missing
    assert [(each.text, each.values) for each in missing] == [
        ("context has limit", (True,)),
        ("context.limit < 5", (True, False)),
    ]


def test_what_the_schema_lets_be_nothing_else_is_told_and_not_counted(cover: Any) -> None:
    policy = rule("people", "permit (principal is User, action, resource) when { principal.level > 2 }")
    coverage = cover(policy, PERMIT, LOW)
    assert (coverage.counted, coverage.percent) == (1, 100)
    assert [(each.text, each.reason) for each in coverage.certain] == [
        ("principal is User", "the schema lets it be nothing but true")
    ]


def test_where_others_may_act_too_the_same_condition_counts(cover: Any) -> None:
    schema = SCHEMA.replace("principal: [User]", "principal: [User, Robot]") + "entity Robot { level: Long };"
    policy = rule("people", "permit (principal is User, action, resource) when { principal.level > 2 }")
    coverage = cover(policy, PERMIT, LOW, schema=schema)
    assert (coverage.counted, coverage.percent, coverage.certain) == (2, 50, ())


def test_an_excuse_is_certain_only_where_it_can_be_read(folder: Folder) -> None:
    policies = rule(
        "late", "forbid (principal, action, resource) unless { context has limit && context.limit < 5 }"
    ) + rule("known", "permit (principal, action, resource) when { principal is User }")
    bundle = PolicyBundle.load(folder(policies))
    assert certain_atoms(bundle.policies.values(), bundle.schema) == {"known#0": True}


def test_groups_of_actions_cannot_be_asked_for(starter: PolicyBundle) -> None:
    groups = starter.slices.keys() - askable(starter.slices, starter.schema)
    assert groups == {"transfer", "use", "consume"}


def test_many_policies_are_refused_by_their_position(starter: PolicyBundle) -> None:
    nodes = [policy.node for policy in starter.policies.values()]
    many = [*nodes * 20, starter.policies["deny-no-mtls"].node]
    assert refusals(many, starter.schema) == {}


def test_a_condition_is_found_on_its_line(folder: Folder) -> None:
    place = folder(
        rule(
            "high",
            """permit (
  principal in Team::"core", // who
  action,
  resource
)
when {
  principal.level > 2 && // not principal.level > 3
  (resource.owner == principal ||
   resource.title == "Plan")
}
unless { principal.level > 5 }""",
        )
    )
    source = read_folder(place)
    places = places_of_atoms(PolicyBundle.compile(source), source)
    assert list(places.values()) == [
        "policies.cedar:1",
        "policies.cedar:8",
        "policies.cedar:9",
        "policies.cedar:12",
    ]


def test_a_condition_that_is_written_otherwise_is_told_by_its_policy(folder: Folder) -> None:
    place = folder("\n" + rule("odd", 'permit (principal, action, resource)\nwhen { principal["level"] > 2 }'))
    source = read_folder(place)
    assert list(places_of_atoms(PolicyBundle.compile(source), source).values()) == ["policies.cedar:2"]
