"""kill -9 while several threads append: nothing that was acknowledged is lost, nothing stands there twice.

`make soak` kills a thousand times.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.audit.log import AuditLog
from engine.audit.verify import verify
from engine.events import Event, event_id
from tests.faults.appending import KEY, open_log

ROOT = Path(__file__).parents[2]
APPENDERS = 4
KILLS = 40


def event(appender: int, number: int) -> Event:
    return Event(
        id=event_id("kill", f"appender-{appender}", number),
        type="transfer.started",
        actor="ada@acme.example",
        transfer=f"tr-{appender:024x}",
        payload={"number": number},
    )


def append_without_end(log: AuditLog, appender: int, first: int) -> None:
    """Record batches of events from `first` on, telling each batch's indices once they are durable."""
    dice = random.Random()  # noqa: S311 - batch sizes
    while True:
        numbers = range(first, first + dice.choice((1, 1, 2, 7, 60)))
        first = numbers.stop
        recorded = log.record_many([event(appender, number) for number in numbers])
        told = [f"{appender} {number} {one.index}\n" for number, one in zip(numbers, recorded, strict=True)]
        os.write(sys.stdout.fileno(), "".join(told).encode())  # below PIPE_BUF, so whole or not at all


def run_appenders(path: Path, firsts: Sequence[int]) -> None:
    log = open_log(path)
    for appender, first in enumerate(firsts):
        threading.Thread(target=append_without_end, args=(log, appender, first)).start()


def fork_appenders(path: Path) -> None:
    """For each line of first numbers, fork a process that appends, tell its id, and tell when it has died."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_appenders(path, [int(first) for first in line.split()])
            return
        os.write(sys.stdout.fileno(), f"process {child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(sys.stdout.fileno(), f"died {os.waitstatus_to_exitcode(status)}\n".encode())


@dataclass(slots=True)
class Toll:
    """What was acknowledged, by appender and number, over all the kills."""

    told: dict[tuple[int, int], int] = field(default_factory=dict)
    repeated: int = 0

    def firsts(self) -> list[int]:
        """As restarted workflows do, go back to steps that are recorded already."""
        known = [sum(appender == one for one, _ in self.told) for appender in range(APPENDERS)]
        return [max(0, count - 3) for count in known]

    def add(self, lines: Sequence[bytes]) -> None:
        for appender, number, index in (map(int, line.split()) for line in lines):
            self.repeated += (appender, number) in self.told
            assert self.told.setdefault((appender, number), index) == index, "an event got a second index"


@contextmanager
def appenders(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.faults.test_log_kill", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def run_and_kill(process: subprocess.Popen[bytes], firsts: Sequence[int], batches: int) -> list[bytes]:
    """Let a process append, kill it in the middle after some events, and return what it had told."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{' '.join(map(str, firsts))}\n".encode())
    process.stdin.flush()
    victim, told = 0, []
    while not (line := process.stdout.readline()).startswith(b"died"):
        assert line, "the appenders ended by themselves"
        if line.startswith(b"process"):
            victim = int(line.split()[1])
        else:
            told.append(line)
        if len(told) == batches:
            os.kill(victim, signal.SIGKILL)
    assert line == b"died -9\n"
    return told


def kill_appenders(path: Path, kills: int) -> Toll:
    """Kill appenders at random points, verifying the log after each kill, and in full at the end."""
    open_log(path).close()
    since = None
    toll, dice = Toll(), random.Random(4)  # noqa: S311 - when to kill
    with appenders(path) as process:
        for _ in range(kills):
            toll.add(run_and_kill(process, toll.firsts(), dice.randrange(1, 120)))
            outcome = verify(path, key=KEY, since=since)
            assert outcome.problems == ()
            since = outcome.note
    with open_log(path) as log:
        outcome = verify(path, key=KEY, remembered=[log.checkpoint()])
        ids = [log.entry(index).id for index in range(log.size)]
    assert outcome.problems == ()
    assert outcome.start == 0
    assert len(set(ids)) == len(ids)
    assert {place: ids[index] for place, index in toll.told.items()} == {place: event(*place).id for place in toll.told}
    return toll


def test_no_acknowledged_event_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    toll = kill_appenders(tmp_path / "audit.db", KILLS)

    assert len(toll.told) > KILLS
    assert toll.repeated > KILLS


def test_a_log_killed_before_it_had_tables_opens_as_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"")

    with open_log(path) as log:
        assert log.record(event(0, 0)).index == 0


if __name__ == "__main__":
    fork_appenders(Path(sys.argv[1]))
