"""What is asked and what is answered, as frozen values. Nothing here knows Cedar's library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from engine.digest import JSON
from engine.events import timestamp
from engine.text import printable

DECISION_FORMAT: Final = "lading/decision/v1"

Mode: TypeAlias = Literal["enforce", "shadow"]
"""Whether an answer binds, or only tells what a candidate would have said."""


@dataclass(frozen=True, slots=True, order=True)
class EntityUid:
    """The name of an entity: its type and its id, such as `User` and `ada@acme.example`."""

    type: str
    id: str

    def __str__(self) -> str:
        """Write the name as Cedar does: `User::"ada@acme.example"`."""
        return f"{self.type}::{json.dumps(self.id, ensure_ascii=False)}"

    def to_json(self) -> dict[str, JSON]:
        """Return `{"type": …, "id": …}`."""
        return {"type": self.type, "id": self.id}

    def reference(self) -> dict[str, JSON]:
        """Return the value by which an attribute or a context refers to this entity."""
        return {"__entity": self.to_json()}


@dataclass(frozen=True, slots=True)
class Entity:
    """Something policies speak about.

    Attributes:
        uid: its name.
        attributes: JSON values as Cedar reads them; `__entity` refers to another entity, `__extn` calls a
            constructor such as `datetime`.
        parents: the entities it is `in`.
    """

    uid: EntityUid
    attributes: Mapping[str, JSON] = field(default_factory=dict)
    parents: tuple[EntityUid, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """Return the entity in Cedar's JSON entity format."""
        return {
            "uid": self.uid.to_json(),
            "attrs": dict(self.attributes),
            "parents": [parent.to_json() for parent in self.parents],
        }


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what to what, under which circumstances.

    Attributes:
        principal: a `User` or `Service`.
        action: the action's id, such as `send`.
        resource: an `Artifact` or `Organization`.
        context: JSON values; never `now`, which is the engine's to say.
    """

    principal: EntityUid
    action: str
    resource: EntityUid
    context: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """Return the request in Cedar's JSON request format."""
        return {
            "principal": self.principal.to_json(),
            "action": EntityUid("Action", self.action).to_json(),
            "resource": self.resource.to_json(),
            "context": dict(self.context),
        }


class Answer(StrEnum):
    """What a decision comes down to."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An answer without its record.

    Attributes:
        permitted: True for a permit.
        because: what decided: the failsafe, or the determining policies, or `no-permit`.
        failsafe: the guard that denied; None if Cedar's own answer stands.
    """

    permitted: bool
    because: tuple[str, ...]
    failsafe: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that kept a request from being permitted.

    Attributes:
        policy: the policy it stands in.
        text: the condition in Cedar's syntax.
        holds: whether it was true; None if it could not be evaluated.
        values: what the condition looked at, by path, such as `context.agreement.expires`.
        remedy: the policy's remedy.
    """

    policy: str
    text: str
    holds: bool | None
    values: Mapping[str, JSON]
    remedy: str

    @property
    def sentence(self) -> str:
        """The condition, what it came to, and the values it looked at, in one line."""
        outcome = {True: "true", False: "false", None: "an error"}[self.holds]
        # What the condition says by itself is not said again: a flag, or that nothing is there.
        told = {
            path: value for path, value in self.values.items() if value is not None and path != self.text.lstrip("!")
        }
        seen = ", ".join(f"{path} = {_shown(value)}" for path, value in told.items())
        return f"{self.text} is {outcome}" + (f" with {seen}" if seen else "")

    def to_json(self) -> dict[str, JSON]:
        """Return the condition as JSON values."""
        return {
            "policy": self.policy,
            "condition": self.text,
            "holds": self.holds,
            "values": dict(self.values),
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer, and all that is needed to explain, record and repeat it.

    Attributes:
        id: the first 32 hexadecimal characters of the SHA-256 of `record`.
        decision: permit or deny.
        failsafe: the guard that denied, such as `forbid-errored`; None if Cedar's own answer stands.
        raw: Cedar's own answer: `Allow`, `Deny`, `NoDecision`, or empty if it was not asked.
        reasons: ids of the determining policies, sorted; empty when no permit matched.
        errors: what could not be evaluated, or why a guard spoke.
        conditions: for a denial, what made it. When no permit matched, the unmet conditions of the nearest one.
        remedies: what a person can do about it, most useful first, each once.
        obligations: on a permit, what its policies ask for beyond. On a denial, what would turn it into a permit,
            named only if every determining policy asks for something and a permit matches.
        disclosed: ids of the determining policies that a partner may be told.
        bundle_digest: digest of the policy bundle that decided.
        record: the decision as canonical JSON (docs/formats/decision.md).
        slice_digest: names the entities it rests on; None if a guard spoke before they were gathered.
        slice: these entities as canonical JSON, to be kept under that name.
    """

    id: str
    decision: Answer
    failsafe: str | None
    raw: str
    reasons: tuple[str, ...]
    errors: tuple[str, ...]
    conditions: tuple[Condition, ...]
    remedies: tuple[str, ...]
    obligations: tuple[str, ...]
    disclosed: tuple[str, ...]
    bundle_digest: str
    record: bytes
    slice_digest: str | None = None
    slice: bytes | None = field(default=None, repr=False)

    @property
    def permitted(self) -> bool:
        """True for a permit."""
        return self.decision is Answer.PERMIT

    @property
    def because(self) -> tuple[str, ...]:
        """What decided, in one list: the failsafe, or the determining policies, or `no-permit`."""
        if self.failsafe is not None:
            return (self.failsafe,)
        return self.reasons or ("no-permit",)


def moment(when: datetime) -> dict[str, JSON]:
    """Return a moment as a Cedar `datetime` value, in UTC with milliseconds."""
    return {"__extn": {"fn": "datetime", "arg": timestamp(when)}}


def _shown(value: JSON) -> str:
    match value:
        case str():
            return printable(value)
        case list() | tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
