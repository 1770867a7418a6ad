"""Having third parties' witnesses cosign this log: one request for all that happened since, and patience.

A witness that does not answer is asked again after twice the time, up to an hour; nothing waits for it.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import NoteKey
from engine.audit.witness import ask_for_cosignature
from engine.errors import LadingError
from engine.events import Event, event_id

logger = logging.getLogger("lading.gateway")

LONGEST_PAUSE: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """A witness to be asked.

    Attributes:
        name: what it is called here.
        key: verifies its cosignatures.
        ask: sends it a request; returns status and body of the answer.
    """

    name: str
    key: NoteKey
    ask: Callable[[bytes], tuple[int, bytes]]


class ThirdParties:
    """Asks third parties, each at its own pace. For one thread.

    Args:
        log: this organization's log.
        identity: who records events here.
        pause: seconds until a witness that failed once is asked again.
        time: tells monotonic seconds.
    """

    def __init__(self, log: AuditLog, identity: str, pause: float, time: Callable[[], float]) -> None:
        self._log = log
        self._identity = identity
        self._pause = pause
        self._time = time
        self._failures: dict[bytes, int] = {}
        self._not_before: dict[bytes, float] = {}

    def ask_all(self, witnesses: Iterable[ThirdParty], note: bytes) -> None:
        """Ask each witness that is due to cosign one checkpoint of this log; a failure is for the next time."""
        for witness in witnesses:
            who = witness.key.public
            if self._time() < self._not_before.get(who, 0.0):
                continue
            try:
                cosigned = self._ask(witness, note)
            except LadingError as error:
                logger.warning("the witness %s did not cosign: %s", witness.name, error)
                cosigned = False
            if cosigned:
                self._failures.pop(who, None)
                self._not_before.pop(who, None)
                continue
            failures = self._failures[who] = self._failures.get(who, 0) + 1
            pause = min(self._pause * 2 ** min(failures, 20), LONGEST_PAUSE)
            self._not_before[who] = self._time() + pause

    def _ask(self, witness: ThirdParty, note: bytes) -> bool:
        size = read_checkpoint(note).size
        last = self._log.cosigned_checkpoint(witness.key.name)
        old = min(read_checkpoint(last).size, size) if last else 0
        status, answer = ask_for_cosignature(witness.ask, self._log.prove_consistency, note, old)
        if status == HTTPStatus.OK:
            self._log.add_cosignature(size, answer, witness.key)
            self._record("witness.received", witness, {"witness": witness.name, "size": size}, str(size))
            return True
        why = answer.decode("utf-8", "replace")[:500]
        if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
            self._record(
                "witness.refused", witness, {"witness": witness.name, "size": size, "why": why}, f"{size}:{why}"
            )
        return False

    def _record(self, kind: str, witness: ThirdParty, payload: dict[str, str | int], occurrence: str) -> None:
        name = event_id(witness.key.vkey, f"{kind}:{occurrence}")
        self._log.record(Event(id=name, type=kind, actor=self._identity, payload=dict(payload)))
