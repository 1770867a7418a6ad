"""kill -9 while the log appends: nothing that was acknowledged is lost, nothing stands there twice."""

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.log import AuditLog
from engine.audit.verify import verify
from engine.events import Event, event_id

ORIGIN = "acme.example/lading/audit/0"
KILLS = 40


def open_log(path: Path) -> AuditLog:
    return AuditLog(
        path,
        origin=ORIGIN,
        key=Ed25519PrivateKey.from_private_bytes(b"a" * 32),
        pseudonym_key=b"p" * 32,
        source="spiffe://acme.example/gateway",
        clock=lambda: datetime(2026, 6, 1, tzinfo=UTC),
    )


def event(number: int) -> Event:
    return Event(
        id=event_id("kill", "step", number),
        type="transfer.started",
        actor="ada@acme.example",
        transfer="tr-000000000000000000000000",
        payload={"number": number},
    )


def append_until_killed(path: Path, first: int) -> None:
    """Record batches of events from `first` on, telling each batch's indices once they are durable."""
    dice = random.Random()  # noqa: S311 - batch sizes
    log = open_log(path)
    while True:
        numbers = range(first, first + dice.choice((1, 1, 2, 7, 60)))
        first = numbers.stop
        recorded = log.record_many([event(number) for number in numbers])
        told = [f"{number} {one.index}\n" for number, one in zip(numbers, recorded, strict=True)]
        os.write(sys.stdout.fileno(), "".join(told).encode())


def run_and_kill(path: Path, first: int, batches: int) -> dict[int, int]:
    """Let a process append, kill it in the middle after some batches, and return what it had told."""
    with subprocess.Popen([sys.executable, __file__, str(path), str(first)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = b"".join(process.stdout.readline() for _ in range(batches))
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    return {int(number): int(index) for number, index in (line.split() for line in told.splitlines())}


def test_no_acknowledged_event_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    open_log(path).close()
    acknowledged: dict[int, int] = {}
    dice = random.Random(4)  # noqa: S311 - when to kill
    for _ in range(KILLS):
        # As a restarted workflow does, go back to steps that are recorded already.
        first = max(0, len(acknowledged) - 3)
        told = run_and_kill(path, first, dice.randrange(1, 40))
        repeated = {number: index for number, index in told.items() if number in acknowledged}
        assert repeated.items() <= acknowledged.items()
        acknowledged |= told

    with open_log(path) as log:
        outcome = verify(path, key=log.key, remembered=[log.checkpoint()])
        ids = [log.entry(index).id for index in range(log.size)]
    assert outcome.problems == ()
    assert len(set(ids)) == len(ids)
    assert acknowledged == {number: number for number in range(len(acknowledged))}
    assert [ids[index] for index in acknowledged.values()] == [event(number).id for number in acknowledged]


def test_a_log_killed_before_it_had_tables_opens_as_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"")

    with open_log(path) as log:
        assert log.record(event(0)).index == 0


if __name__ == "__main__":
    append_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
