"""What was refused to whoever proved nothing, as entries of the log: of a kind the first at once, then counts.

A listener decides without asking whose certificate counts, and whether bytes are those that were offered; it has no
log. It tells the owner, who records it here. So is a checkpoint that a partner asked to have witnessed and that no log
signed: whoever asks can make as many as it likes. What a partner's log signed is evidence, and is recorded by itself;
but once a fork of that log is kept and open, what else is refused of it accuses nobody anew, and is counted here, too.

INVARIANT: of each kind there is at most one entry in `WINDOW_SECONDS`, so that nobody fills the log by being refused. A
kind is a cause, for damaged chunks with the transfer, and for checkpoints with the partner; who a stranger claims to be
makes no other kind.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.errors import LadingError
from engine.events import Event, event_id
from engine.gateway.parts import GatewayParts
from engine.wire.messages import RefusalsMessage
from engine.wire.problem import DIGEST_MISMATCH

logger = logging.getLogger("lading.gateway")

WINDOW_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is counted together.

    Attributes:
        type: of the entries.
        cause: why it was refused.
        about: the transfer that chunks came for, or the partner that asked; empty for strangers.
    """

    type: str
    cause: str
    about: str


@dataclass(slots=True)
class _Tally:
    """What was refused and is not recorded yet.

    Attributes:
        first: what is said of the first refusal since the last entry.
        count: how many there were, with all that followed.
        due: when the next entry may be made, in monotonic seconds.
    """

    first: Mapping[str, JSON]
    count: int
    due: float


class Refusals:
    """Records refusals. Threads may share it.

    Args:
        parts: the gateway's; its log is written.
        time: tells monotonic seconds.
    """

    def __init__(self, parts: GatewayParts, time: Callable[[], float]) -> None:
        self._parts = parts
        self._time = time
        self._lock = threading.Lock()
        self._tallies: dict[_Kind, _Tally] = {}

    def take(self, message: RefusalsMessage) -> None:
        """Take in what a listener tells, and record what is due; what cannot be recorded now is by `record`."""
        for each in message.refusals:
            if each.cause == DIGEST_MISMATCH:
                kind = _Kind("chunk.refused", each.cause, each.transfer or "")
            else:
                kind = _Kind("trust.refused", each.cause, "")
            self._count(kind, each.count, {"why": each.why})
        self._record_or_later()

    def unsigned(self, partner: str, origin: str, why: str) -> None:
        """Take in that a partner asked to have a checkpoint witnessed that the log it names did not sign; as `take`.

        Args:
            partner: who asked.
            origin: of the log that the checkpoint names.
            why: what was found.
        """
        self._count(_Kind("witness.refused", "unsigned", partner), 1, {"origin": origin, "why": why})
        self._record_or_later()

    def forked(self, partner: str, origin: str, why: str) -> None:
        """Take in that a further checkpoint was refused of a log of which a fork is open; as `take`.

        Args:
            partner: who asked to have it witnessed.
            origin: of its log.
            why: what was found.
        """
        self._count(_Kind("witness.refused", "fork-open", partner), 1, {"origin": origin, "why": why})
        self._record_or_later()

    def record(self) -> None:
        """Record each kind that was refused again and whose time has come."""
        self._record(self._time())

    def finish(self) -> None:
        """Record whatever is counted, due or not: the gateway is about to stop."""
        self._record(float("inf"))

    def _count(self, kind: _Kind, count: int, said: Mapping[str, JSON]) -> None:
        with self._lock:
            tally = self._tallies.setdefault(kind, _Tally(said, 0, self._time()))
            tally.first = tally.first if tally.count else said
            tally.count += count

    def _record_or_later(self) -> None:
        try:
            self.record()
        except LadingError:
            logger.exception("what was refused could not be recorded; it is tried again")

    def _record(self, now: float) -> None:
        with self._lock:
            for kind, tally in list(self._tallies.items()):
                if now < tally.due:
                    continue
                if tally.count and (event := self._event(kind, tally)) is not None:
                    self._parts.log.record(event)
                    tally.count, tally.due = 0, now + WINDOW_SECONDS
                else:
                    del self._tallies[kind]

    def _event(self, kind: _Kind, tally: _Tally) -> Event | None:
        """Return the event; None about a transfer that is not here."""
        nonce = fresh_nonce()
        payload: dict[str, JSON] = {"cause": kind.cause, "count": tally.count, **tally.first}
        if kind.type == "chunk.refused":
            transfer = self._parts.table.find(kind.about)
            return self._parts.event(transfer, kind.type, nonce, payload) if transfer else None
        return Event(
            id=event_id(nonce, kind.type),
            type=kind.type,
            actor=self._parts.identity,
            partner=kind.about or None,
            payload=payload,
        )
