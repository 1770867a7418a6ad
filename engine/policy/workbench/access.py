"""Who can do something, and what somebody can do: many requests asked at once, each answer with its reason.

Nothing is recorded: these are questions about what policy would say, not decisions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.digest import JSON
from engine.policy.engine import PolicyEngine
from engine.policy.model import Decision, Entity, EntityUid, Request

_NO_QUESTION = frozenset({"request-refused", "unknown-action"})


@dataclass(frozen=True, slots=True)
class Access:
    """Whether somebody can do something, and why.

    Attributes:
        request: who, what, to what.
        decision: what policy would say.
    """

    request: Request
    decision: Decision

    @property
    def asks(self) -> bool:
        """Whether the schema lets this principal do this to this resource at all, given these facts."""
        return self.decision.failsafe not in _NO_QUESTION

    @property
    def why(self) -> str:
        """What decided; for a denial, the first condition that failed."""
        if self.decision.permitted or not self.decision.conditions:
            return ", ".join(self.decision.because)
        return f"{', '.join(self.decision.because)}: {self.decision.conditions[0].sentence}"

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON values."""
        return {
            "principal": str(self.request.principal),
            "action": self.request.action,
            "resource": str(self.request.resource),
            "decision": self.decision.decision.value,
            "because": list(self.decision.because),
            "conditions": [condition.sentence for condition in self.decision.conditions],
            "remedies": list(self.decision.remedies),
        }


def access(
    engine: PolicyEngine, asked: Iterable[tuple[Request, Iterable[Entity]]], now: datetime
) -> tuple[Access, ...]:
    """Ask about every request, at one moment."""
    return tuple(Access(request, engine.decide(request, entities, now)) for request, entities in asked)


def everybody(
    action: str, resource: EntityUid, world: Mapping[EntityUid, Entity], context: Mapping[str, JSON]
) -> Iterator[tuple[Request, Iterable[Entity]]]:
    """Yield a request by every entity of a world, each about one action on one resource."""
    for principal in sorted(world):
        yield Request(principal, action, resource, context), world.values()


def everything(
    engine: PolicyEngine, principal: EntityUid, world: Mapping[EntityUid, Entity], context: Mapping[str, JSON]
) -> Iterator[tuple[Request, Iterable[Entity]]]:
    """Yield a request about every action on every entity of a world, by one principal."""
    for action in engine.bundle.slices:
        for resource in sorted(world):
            yield Request(principal, action, resource, context), world.values()
