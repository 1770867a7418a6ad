"""Replaying recorded decisions against a candidate: what it would have decided otherwise, and why.

A decision is repeatable if its request, its moment and every entity it rested on were kept whole. The others are
counted, and named with what they lack.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final, cast

from engine.digest import JSON
from engine.policy.engine import Asked, PolicyEngine
from engine.policy.model import Condition, Decision, Request, Verdict
from engine.policy.recorded import RecordedDecision, as_json

_BATCH: Final = 1000


class Kind(StrEnum):
    """How a decision changes under a candidate."""

    ALLOWED = "newly allowed"
    DENIED = "newly denied"
    FAILING = "newly failing"
    REASONS = "other reasons"


@dataclass(frozen=True, slots=True)
class Change:
    """One decision that comes out differently.

    Attributes:
        kind: how.
        before: what was decided.
        after: what the candidate decides, with its explanation.
    """

    kind: Kind
    before: RecordedDecision
    after: Decision

    def to_json(self) -> dict[str, JSON]:
        """Return the change with both explanations, as JSON values."""
        return {
            **as_json(self.before),
            "conditions": [told(each) for each in self.before.record["conditions"]],
            "after": {
                "decision": self.after.decision.value,
                "failsafe": self.after.failsafe,
                "because": list(self.after.because),
                "conditions": [each.sentence for each in self.after.conditions],
                "remedies": list(self.after.remedies),
                "errors": list(self.after.errors),
            },
        }


@dataclass(slots=True)
class ReplayReport:
    """What replaying came to.

    Attributes:
        decisions: how many were replayed.
        unchanged: how many of them come out as before.
        changes: the others, in the order they came in.
        unrepeatable: ids of decisions that could not be replayed, with what they lack.
    """

    decisions: int = 0
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)
    unrepeatable: list[tuple[str, str]] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Change]:
        """Return the changes of a kind."""
        return [change for change in self.changes if change.kind is kind]

    @property
    def effect(self) -> str:
        """What changes, in one line."""
        if not self.decisions:
            return "no recorded decision could be replayed"
        counts = [f"{len(found)} {kind.value}" for kind in Kind if (found := self.of(kind))]
        if not counts:
            return f"nothing changes in {self.decisions} recorded decisions"
        return f"{', '.join(counts)}, {self.unchanged} unchanged of {self.decisions} recorded decisions"

    def to_json(self, shown: int | None = None) -> dict[str, JSON]:
        """Return the report as JSON values, with at most `shown` changes of each kind."""
        return {
            "decisions": self.decisions,
            "unchanged": self.unchanged,
            "effect": self.effect,
            **{kind.value.replace(" ", "_"): [change.to_json() for change in self.of(kind)[:shown]] for kind in Kind},
            "unrepeatable": [{"id": id_, "why": why} for id_, why in self.unrepeatable[:shown]],
        }


def replay(
    recorded: Iterable[RecordedDecision], candidate: PolicyEngine, progress: Callable[[int], None] = lambda _: None
) -> ReplayReport:
    """Decide recorded decisions again, by a candidate, each at its own moment.

    Args:
        recorded: the decisions; those in shadow are replayed like the others.
        candidate: what decides.
        progress: called with the number of decisions looked at so far.
    """
    report = ReplayReport()
    waiting = iter(recorded)
    seen = 0
    while batch := list(islice(waiting, _BATCH)):
        seen += len(batch)
        repeatable = [each for each in batch if each.lacks is None]
        report.unrepeatable += [(each.id, each.lacks) for each in batch if each.lacks is not None]
        verdicts = candidate.answer_many(map(_asked, repeatable))
        report.decisions += len(repeatable)
        changed = [
            (kind, before)
            for before, verdict in zip(repeatable, verdicts, strict=True)
            if (kind := _kind(before, verdict)) is not None
        ]
        report.unchanged += len(repeatable) - len(changed)
        decisions = candidate.decide_many(_asked(before) for _, before in changed)
        report.changes += [Change(*each, decision) for each, decision in zip(changed, decisions, strict=True)]
        progress(seen)
    return report


def _asked(each: RecordedDecision) -> Asked:
    return cast("Request", each.request), each.entities or (), each.now  # what lacks nothing has both


def _kind(before: RecordedDecision, after: Verdict) -> Kind | None:
    if after.failsafe is not None and before.record["failsafe"] is None:
        return Kind.FAILING
    if after.permitted != before.permitted:
        return Kind.ALLOWED if after.permitted else Kind.DENIED
    return None if set(after.because) == set(before.because) else Kind.REASONS


def told(condition: Mapping[str, Any]) -> str:
    """Word a recorded condition: how it came out, with the values it saw."""
    return Condition("", condition["condition"], condition["holds"], condition["values"], condition["remedy"]).sentence
