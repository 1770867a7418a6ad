"""What a gateway does without being asked: finish what a crash left, ask policy again, have its log witnessed.

Each loop is a thread that waits on one event; a round that fails is recorded in the log of the process and tried
again at its next time.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from engine.digest import JSON
from engine.errors import LadingError
from engine.gateway.admission import ask_again
from engine.gateway.arrival import judge_arrival
from engine.gateway.incoming import ACCEPTED, COMMITTED, Incoming
from engine.gateway.offers import WHY_LIMIT
from engine.gateway.parts import GatewayParts
from engine.text import printable
from engine.wire.problem import ProblemError

logger = logging.getLogger("lading.gateway")

LONGEST_WAIT: Final = 3600.0


class Loop:
    """Does something every few seconds, or sooner when it is woken, in a thread of its own.

    Args:
        name: of the thread.
        seconds: between two rounds.
        round_: what to do.
        first: seconds until the first round.
    """

    def __init__(self, name: str, seconds: float, round_: Callable[[], None], *, first: float = 0.0) -> None:
        self._seconds = min(seconds, LONGEST_WAIT)
        self._round = round_
        self._first = first
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Do a round now."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the round that runs, and end."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._wake.wait(self._first)
        self._wake.clear()
        while not self._stopped:
            try:
                self._round()
            except Exception:
                logger.exception("%s failed; it is tried again in %g s", self._thread.name, self._seconds)
            self._wake.wait(self._seconds)
            self._wake.clear()


def finish_arrivals(parts: GatewayParts) -> int:
    """Judge every committed transfer that has no verdict yet; return how many got one.

    One that fails is tried again in the next round, and keeps none of the others waiting.
    """
    waiting = parts.table.in_state(COMMITTED)
    receipted = [each for each in waiting if parts.table.document(each.id, "receipt") is not None]
    judged = 0
    for transfer in receipted:
        try:
            judge_arrival(parts, transfer)
            judged += 1
        except Exception as error:
            logger.exception("the arrival of transfer %s could not be judged; it is tried again", transfer.id)
            _record_inconclusive(parts, transfer, error)
    return judged


def _record_inconclusive(parts: GatewayParts, transfer: Incoming, error: Exception) -> None:
    """Record that the checks on arrival came to no end, once for each kind of error; not if the log takes nothing."""
    kind = type(error).__name__
    payload: dict[str, JSON] = {"error": kind, "why": printable(str(error))[:WHY_LIMIT]}
    event = parts.event(transfer, "validation.inconclusive", kind, payload)
    with suppress(LadingError):
        if parts.log.find(event.id) is None:
            parts.log.record(event)


def reauthorize(parts: GatewayParts) -> None:
    """Ask policy again about every transfer whose chunks may still come; a denial or its deadline stops it.

    One about which policy cannot be asked is asked about in the next round, and so are all others now.
    """
    for transfer in parts.table.in_state(ACCEPTED):
        try:
            _ask_again(parts, transfer.id)
        except ProblemError as stopped:
            logger.warning("transfer %s was stopped: %s", transfer.id, stopped)
        except Exception:
            logger.exception("policy could not be asked about transfer %s; it is tried again", transfer.id)


def _ask_again(parts: GatewayParts, transfer: str) -> None:
    with parts.deciding:
        now = parts.table.find(transfer)  # it may have been committed since the round began
        if now is not None and now.state == ACCEPTED:
            ask_again(parts, now)
