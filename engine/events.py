"""What happens in a workspace, as events, and the `Recorder` that makes them durable before anything is visible.

An event has a public part, which becomes a leaf of the audit log and is never erased, and a payload, which is
bound to the leaf by a salted digest and can be erased. Names of people stand only in the payload: the leaf has a
pseudonym instead.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from engine.digest import JSON, canonical

Clock = Callable[[], datetime]

SKEW: Final = timedelta(minutes=5)
"""How far the clocks of two organizations, or of one machine before and after a restart, may be apart."""


def system_clock() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds: `2026-06-01T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_id(workflow: str, step: str, occurrence: int = 0) -> str:
    """Return the id of an event that stays the same when its step is repeated after a crash.

    The id is the first 32 hexadecimal characters of the SHA-256 over the canonical JSON of the three values.
    """
    return hashlib.sha256(canonical([workflow, step, occurrence])).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, before it has a place in the log.

    Attributes:
        id: unique per workspace and stable over retries (see `event_id`).
        type: a dotted name from `docs/formats/events.md`, such as `transfer.offered`.
        actor: the identity that acted; recorded as a pseudonym in the leaf and by name in the payload.
        artifact: root digest, if the event is about an artifact.
        partner: the other organization.
        transfer: the transfer id.
        agreement: digest of the agreement it happened under.
        decision: `permit`, `deny` or `failsafe`.
        policy: digest of the policy bundle that decided.
        statement: SHA-256 of the signed statement it is about, so that the log proves which one.
        payload: what may be erased later; JSON values only.
    """

    id: str
    type: str
    actor: str
    artifact: str | None = None
    partner: str | None = None
    transfer: str | None = None
    agreement: str | None = None
    decision: str | None = None
    policy: str | None = None
    statement: str | None = None
    payload: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The place an event has in the log.

    Attributes:
        index: zero-based leaf index.
        id: the event's id.
        known: True when the same event was recorded before and nothing was appended.
    """

    index: int
    id: str
    known: bool


class Recorder(Protocol):
    """Makes events durable. INVARIANT: when a call returns, its events survive kill -9 and power loss."""

    def record(self, event: Event) -> Recorded:
        """Append one event, or find it again by its id.

        Raises:
            LogTampered: another event stands under the same id.
        """
        ...

    def record_many(self, events: Sequence[Event]) -> list[Recorded]:
        """Append several events in one durable step, in order."""
        ...

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint with all cosignatures held for it (C2SP signed note)."""
        ...
