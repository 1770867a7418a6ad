"""When two decisions about a transfer say the same."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from engine.digest import canonical, sha256
from engine.policy.model import Decision, Entity
from engine.policy.repeated import former
from tests.unit.policy.conftest import Engine
from tests.unit.policy.worlds import ADA, NOON, WORLD, asking, rule

NAMED = {"actor": "ada@acme.example", "partner": "borealis.example"}
EARLY = rule("early", 'permit (principal, action, resource) when { context.now < datetime("2026-06-01T11:00:00Z") }')


@dataclass(frozen=True)
class Entry:
    public: dict[str, str]
    payload: dict[str, Any] | None


def logged(said: Decision, action: str = "write", **changes: Any) -> Entry:
    """The entry of a decision, or of one that differs from it."""
    record = canonical(json.loads(said.record) | changes).decode()
    return Entry({"partner": NAMED["partner"]}, {"actor": NAMED["actor"], "action": action, "record": record})


@pytest.fixture
def denied(engine: Engine) -> list[Decision]:
    """Ada is denied for the hour, and a minute later again."""
    asked = engine(EARLY)
    return [asked.decide(asking(), WORLD, NOON + timedelta(minutes=minute)) for minute in range(2)]


def test_a_condition_that_saw_the_clock_says_the_same_at_another_time(denied: list[Decision]) -> None:
    first, second = denied
    assert first.conditions[0].values != second.conditions[0].values
    assert former(second, "write", NAMED, [logged(first)]) == (first.id, first.record)
    assert first.id == sha256(first.record)[: len(first.id)]


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": "permit"},
        {"policy": "0" * 64},
        {"entities": "0" * 64},
        {"reasons": ["another"]},
        {"request": None},
        {"conditions": []},
        {"engine": "cedarpy 9"},
        {"masked": ["User.level"]},
    ],
)
def test_whatever_else_differs_is_another_decision(denied: list[Decision], changes: dict[str, Any]) -> None:
    first, second = denied
    assert former(second, "write", NAMED, [logged(first, **changes)]) is None


def test_facts_that_are_others_are_another_decision(engine: Engine) -> None:
    asked = engine(EARLY)
    promoted = (Entity(ADA, {"level": 4}, WORLD[0].parents), *WORLD[1:])
    before = asked.decide(asking(), WORLD, NOON)
    assert former(asked.decide(asking(), promoted, NOON), "write", NAMED, [logged(before)]) is None
    assert former(asked.decide(asking(limit=1), WORLD, NOON), "write", NAMED, [logged(before)]) is None


def test_only_the_newest_about_the_same_counts(denied: list[Decision]) -> None:
    first, second = denied
    same, permit, of_another_action = logged(first), logged(first, decision="permit"), logged(first, "read")
    assert former(second, "write", NAMED, [of_another_action, same, permit]) is not None
    assert former(second, "write", NAMED, [of_another_action, permit, same]) is None


def test_behind_one_that_was_erased_nobody_knows_what_was_last(denied: list[Decision]) -> None:
    first, second = denied
    assert former(second, "write", NAMED, [Entry({}, None), logged(first)]) is None
