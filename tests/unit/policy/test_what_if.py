"""What would allow this: every way that is told was tried, is minimal, and touches no fact and no clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import Decision, EntityUid, Request
from engine.policy.what_if.change import Edit, apply, assign
from engine.policy.what_if.reach import ACTS, EDITABLE
from engine.policy.what_if.search import WhatIf, what_would_allow
from engine.policy.workbench.situation import Situation, arrange
from engine.policy.workbench.suite import load_suites
from tests.unit.policy.worlds import ROOT

OUT_OF_REACH = {
    "no-permit": "who they are, who owns what, or who made which agreement",
    "deny-own-approval": "who started it",
    "request-refused": "the request is no request",
    "dangling-reference": "nobody is known by that name",
}
"""Denials that nothing within reach may lift, with what stands in the way."""


def situations() -> Iterator[tuple[str, Situation]]:
    """Every case of the starter suites."""
    for suite in load_suites(ROOT / "policies" / "tests"):
        for case in suite.cases:
            yield f"{suite.name}: {case.name}", arrange(suite.file, suite.entities, case)


def named(ending: str) -> Situation:
    [found] = [situation for name, situation in situations() if name.endswith(ending)]
    return found


@pytest.fixture(scope="module")
def engine() -> PolicyEngine:
    return PolicyEngine(PolicyBundle.load(ROOT / "policies"))


@pytest.fixture(scope="module")
def told(engine: PolicyEngine) -> list[tuple[str, Any, Decision, WhatIf]]:
    found = []
    for name, asked in situations():
        decision = engine.decide(asked.request, asked.entities.values(), asked.now)
        if not decision.permitted:
            found.append((name, asked, decision, search(engine, asked)))
    return found


def search(engine: PolicyEngine, asked: Situation) -> WhatIf:
    return what_would_allow(engine, asked.request, asked.entities.values(), asked.now)


def test_every_way_permits_when_it_is_gone(engine: PolicyEngine, told: list[Any]) -> None:
    ways = 0
    for name, asked, _, found in told:
        for way in found.ways:
            changed, known = apply(way, asked.request, asked.entities)
            assert engine.decide(changed, known.values(), asked.now).permitted, name
            ways += 1
    assert ways > 60


def test_no_part_of_a_way_suffices(engine: PolicyEngine, told: list[Any]) -> None:
    for name, asked, _, found in told:
        for way in found.ways:
            for left_out in way:
                changed, known = apply(set(way) - {left_out}, asked.request, asked.entities)
                assert not engine.decide(changed, known.values(), asked.now).permitted, (name, left_out)


def test_only_what_somebody_can_change_is_suggested(told: list[Any]) -> None:
    for name, _, _, found in told:
        for change in (each for way in found.ways for each in way):
            if isinstance(change, Edit):
                assert EDITABLE[change.path] == change.who, name
            else:
                assert change in ACTS


def test_each_denial_has_a_way_or_says_that_there_is_none_and_a_remedy_all_the_same(told: list[Any]) -> None:
    for name, _, decision, found in told:
        assert decision.remedies, name
        assert found.exhausted, name
        if not found.ways:
            assert set(decision.because) & set(OUT_OF_REACH), (name, decision.because)


def test_every_denial_names_the_condition_that_fails_with_its_values(told: list[Any]) -> None:
    for name, _, decision, _ in told:
        if decision.failsafe is None and decision.reasons:
            assert {each.policy for each in decision.conditions} == set(decision.reasons), name
            assert all(each.values for each in decision.conditions), name


def test_facts_and_the_clock_are_in_no_list_of_edits() -> None:
    facts = {path for act in ACTS for path in act.facts}
    assert not facts & set(EDITABLE)
    assert not any(path.endswith((".now", "mtls", "zone", "digest")) for path in EDITABLE)


def test_what_takes_two_changes_is_told_as_two(engine: PolicyEngine) -> None:
    asked = named("a purpose that was not agreed")
    request, world = assign("context.transfer.region", "CN", asked.request, asked.entities)

    [first, *_] = search(engine, Situation(request, world, asked.now)).to_json()["ways"]

    assert {each["path"] for each in first} == {"context.purpose", "context.transfer.region"}
    assert {each["who"] for each in first} == {"the requester"}


def test_a_permit_needs_nothing(engine: PolicyEngine) -> None:
    assert search(engine, named("a sender of the owner sends")).ways == ((),)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("context", "is no path"),
        ("principle.clearance", "begins with 'principle'"),
        ("context.agreements.expires", "no record agreements"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path: str, says: str) -> None:
    request = Request(EntityUid("User", "ada"), "send", EntityUid("Artifact", "m"), {})

    with pytest.raises(ValueError, match=says):
        assign(path, 1, request, {})
