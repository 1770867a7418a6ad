"""What listeners refused by themselves, as entries of the log: the first of a kind at once, all that follow counted.

A listener decides without asking whose certificate counts, and whether bytes are those that were offered; it has no
log. It tells the owner, who records it here.

INVARIANT: of each kind there is at most one entry in `WINDOW_SECONDS`, so that nobody fills the log by being refused. A
kind is a cause, and for damaged chunks the transfer; who a stranger claims to be makes no other kind.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.errors import LadingError
from engine.events import Event, event_id
from engine.gateway.parts import GatewayParts
from engine.wire.messages import Refusal, RefusalsMessage
from engine.wire.problem import DIGEST_MISMATCH

logger = logging.getLogger("lading.gateway")

WINDOW_SECONDS: Final = 600.0


@dataclass(slots=True)
class _Tally:
    """What was refused and is not recorded yet.

    Attributes:
        first: the first refusal that was told since the last entry.
        count: how many there were, with all that followed.
        due: when the next entry may be made, in monotonic seconds.
    """

    first: Refusal
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
        self._tallies: dict[tuple[str, str | None], _Tally] = {}

    def take(self, message: RefusalsMessage) -> None:
        """Take in what a listener tells, and record what is due; what cannot be recorded now is by `record`."""
        with self._lock:
            for each in message.refusals:
                about = each.transfer if each.cause == DIGEST_MISMATCH else None
                tally = self._tallies.setdefault((each.cause, about), _Tally(each, 0, self._time()))
                tally.first = tally.first if tally.count else each
                tally.count += each.count
        try:
            self.record()
        except LadingError:
            logger.exception("what was refused could not be recorded; it is tried again")

    def record(self) -> None:
        """Record each kind that was refused again and whose time has come."""
        self._record(self._time())

    def finish(self) -> None:
        """Record whatever is counted, due or not: the gateway is about to stop."""
        self._record(float("inf"))

    def _record(self, now: float) -> None:
        with self._lock:
            for key, tally in list(self._tallies.items()):
                if now < tally.due:
                    continue
                if tally.count and (event := self._event(tally)) is not None:
                    self._parts.log.record(event)
                    tally.count, tally.due = 0, now + WINDOW_SECONDS
                else:
                    del self._tallies[key]

    def _event(self, tally: _Tally) -> Event | None:
        """Return the event; None about a transfer that is not here."""
        refusal, nonce = tally.first, fresh_nonce()
        payload: dict[str, JSON] = {"cause": refusal.cause, "count": tally.count, "why": refusal.why}
        if refusal.cause != DIGEST_MISMATCH:
            name = event_id(nonce, "trust.refused")
            return Event(id=name, type="trust.refused", actor=self._parts.identity, payload=payload)
        transfer = self._parts.table.find(refusal.transfer or "")
        return self._parts.event(transfer, "chunk.refused", nonce, payload) if transfer else None
