"""Retention: the longest pattern decides, and only what is older than its age is due."""

from datetime import timedelta

import pytest

from engine.audit.reader import LogReader
from engine.audit.retention import age_of, due, rule_for
from engine.audit.selection import all_rows, covers_type
from tests.unit.audit.conftest import Acme


@pytest.mark.parametrize(
    ("text", "days"), [("1d", 1), ("90d", 90), ("26w", 182), ("2y", 730), ("100y", 36_500), ("36500d", 36_500)]
)
def test_an_age_is_days_weeks_or_years(text: str, days: int) -> None:
    assert age_of(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "0d", "-1d", "90", "d", "1.5y", "2 y", "101y", "9999999d", "1m", "٣d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected days, weeks or years"):
        age_of(text)


def test_the_longest_pattern_decides() -> None:
    profile = {"*": "10y", "decision.*": "2y", "decision.deny": "5y"}

    assert rule_for(profile, "decision.deny") == "decision.deny"
    assert rule_for(profile, "decision.permit") == "decision.*"
    assert rule_for(profile, "artifact.viewed") == "*"
    assert rule_for({"decision.*": "2y"}, "artifact.viewed") is None


def test_a_pattern_ends_at_a_dot() -> None:
    assert covers_type("policy.*", "policy.activated")
    assert not covers_type("policy.*", "policyish.activated")
    assert not covers_type("policy.activated", "policy.activated.again")


def test_only_what_is_older_is_due(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0, type="artifact.viewed"))
        acme.clock.move(days=90)
        log.record(acme.event(1, type="artifact.viewed"))
        log.record(acme.event(2, type="artifact.copied"))
    now = acme.clock() + timedelta(milliseconds=1)

    with LogReader(acme.path) as reader:
        found = [(rule, row.index) for rule, row in due({"artifact.viewed": "90d"}, all_rows(reader), now)]

    assert found == [("artifact.viewed=90d", 0)]
