"""A process that appends events to a log, goes on after errors of this project, and tells what became of each.

Standard output has one line for every event: `kept NUMBER INDEX` once it is durable, `refused NUMBER ERROR` when the
log raised an error of this project. Usage: `appending.py DATABASE FIRST COUNT`.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.log import AuditLog
from engine.audit.note import NoteSigner
from engine.errors import LadingError
from engine.events import Event, event_id

ORIGIN = "acme.example/lading/audit/0"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
KEY = NoteSigner(ORIGIN, PRIVATE).key


def open_log(path: Path) -> AuditLog:
    return AuditLog(
        path,
        origin=ORIGIN,
        key=PRIVATE,
        pseudonym_key=b"p" * 32,
        source="spiffe://acme.example/gateway",
        clock=lambda: datetime(2026, 6, 1, tzinfo=UTC),
    )


def event(number: int) -> Event:
    return Event(
        id=event_id("appending", "step", number),
        type="transfer.started",
        actor="ada@acme.example",
        transfer="tr-000000000000000000000000",
        payload={"number": number, "weight": "x" * 2000},
    )


def append(log: AuditLog, first: int, count: int, tell: Callable[[str], None]) -> None:
    """Record the events one by one."""
    for number in range(first, first + count):
        try:
            recorded = log.record(event(number))
        except LadingError as error:
            tell(f"refused {number} {type(error).__name__} {error}\n")
        else:
            tell(f"kept {number} {recorded.index}\n")


def main() -> int:
    path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

    def tell(line: str) -> None:
        os.write(sys.stdout.fileno(), line.encode())

    try:
        log = open_log(path)
    except LadingError as error:
        tell(f"refused -1 {type(error).__name__} {error}\n")
        return 2
    append(log, first, count, tell)
    log.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
