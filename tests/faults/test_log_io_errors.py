"""System calls that fail while the log appends: nothing is acknowledged that is not durable, and the log goes on.

`strace` makes the n-th write or flush of a real process fail, and its trace shows what was on disk when an event was
acknowledged. `make soak` tries many more places.
"""

import random
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.audit.verify import verify
from engine.errors import WorkspaceError
from tests.faults.appending import KEY, append, event, open_log

APPENDING = Path(__file__).with_name("appending.py")
STRACE = shutil.which("strace") or ""
EVENTS = 30
CALLS = ("pwrite64", "fdatasync")
ERRORS = ("EIO", "ENOSPC")

_CALL = re.compile(r"(?P<name>\w+)\((?P<file>\d+)<(?P<path>[^>]*)>(?:.*?(?P<last>\d+))?\) += (?P<result>-?\d+)")


def can_trace() -> bool:
    """Strace may be missing, or tracing forbidden."""
    return bool(STRACE) and subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False).returncode == 0


traced = pytest.mark.skipif(not can_trace(), reason="needs strace, and the right to trace a process")


@dataclass(frozen=True, slots=True)
class Fault:
    """The n-th call of one kind fails, and `repeats` more after it."""

    call: str
    error: str
    when: int
    repeats: int = 0

    def injection(self) -> str:
        span = f"{self.when}..{self.when + self.repeats}" if self.repeats else f"{self.when}"
        return f"{self.call}:error={self.error}:when={span}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process told: indices of kept events by number, and the errors of refused ones."""

    code: int
    kept: dict[int, int]
    refused: dict[int, str]


def read_outcome(code: int, said: str) -> Outcome:
    lines = [line.split(" ", 3) for line in said.splitlines()]
    return Outcome(
        code,
        {int(line[1]): int(line[2]) for line in lines if line[0] == "kept"},
        {int(line[1]): line[2] for line in lines if line[0] == "refused"},
    )


def append_under(fault: Fault, path: Path, trace: Path) -> Outcome:
    tracing = ["-f", "-y", "-o", str(trace), "-e", "trace=write,pwrite64,fdatasync,fsync"]
    command = [sys.executable, "-B", str(APPENDING), str(path), "0", str(EVENTS)]
    done = subprocess.run(
        [STRACE, *tracing, "-e", f"inject={fault.injection()}", *command], check=False, capture_output=True, text=True
    )
    assert done.returncode in {0, 2}, done.stderr
    return read_outcome(done.returncode, done.stdout)


@dataclass(slots=True)
class Wal:
    """What a trace lets us know of the WAL on disk.

    After a flush that failed, a kernel may take the pages for clean though they never reached the disk: they count
    as lost until they are written again, however many flushes succeed.
    """

    unflushed: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    end: int = 0

    def write(self, offset: int) -> None:
        self.lost.discard(offset)
        self.unflushed.add(offset)

    def flush(self, *, failed: bool) -> None:
        if failed:
            self.lost |= self.unflushed
        elif self.unflushed:
            self.end = max(self.unflushed)
        self.unflushed.clear()

    def durable(self) -> bool:
        # Lost frames after the newest ones belong to a commit that was never made.
        return not self.unflushed and not any(offset <= self.end for offset in self.lost)


def acknowledged_before_durable(trace: str) -> list[str]:
    """Return every acknowledgement that a process wrote while the log's WAL was not safely on disk."""
    wal, early = Wal(), []
    for line in trace.splitlines():
        found = _CALL.search(line)
        if found is None:
            continue
        if found["name"] == "write" and '"kept ' in line and not wal.durable():
            early.append(line)
        elif found["path"].endswith("-wal") and found["name"] == "pwrite64" and found["result"] != "-1":
            wal.write(int(found["last"]))
        elif found["path"].endswith("-wal") and found["name"] in {"fdatasync", "fsync"}:
            wal.flush(failed=found["result"] != "0")
    return early


def check_fault(fault: Fault, folder: Path) -> Outcome:
    """Append under a fault, then hold what was acknowledged against what the log has."""
    path, trace = folder / "audit.db", folder / "trace"
    open_log(path).close()

    outcome = append_under(fault, path, trace)

    seen = trace.read_text()
    assert seen.count('"kept ') == len(outcome.kept)
    assert acknowledged_before_durable(seen) == []
    assert set(outcome.refused.values()) <= {WorkspaceError.__name__}
    with open_log(path) as log:
        assert {number: log.entry(index).id for number, index in outcome.kept.items()} == {
            number: event(number).id for number in outcome.kept
        }
        ids = [log.entry(index).id for index in range(log.size)]
        assert len(set(ids)) == len(ids)
        # What was refused is taken when it is asked again, and what was kept is found again.
        told: list[str] = []
        append(log, 0, EVENTS, told.append)
        repeated = read_outcome(0, "".join(told))
        assert outcome.kept.items() <= repeated.kept.items()
        assert len(repeated.kept) == log.size == EVENTS
    assert verify(path, key=KEY).problems == ()
    return outcome


def random_faults(count: int, seed: int) -> Iterator[Fault]:
    dice = random.Random(seed)  # noqa: S311 - places of failure
    for _ in range(count):
        yield Fault(dice.choice(CALLS), dice.choice(ERRORS), dice.randrange(1, 60), dice.choice((0, 0, 1, 5)))


def inject_faults(folder: Path, count: int, seed: int = 5) -> Counter[str]:
    """Try `count` random faults, and count how events and processes fared."""
    tally: Counter[str] = Counter()
    for number, fault in enumerate(random_faults(count, seed)):
        place = folder / str(number)
        place.mkdir()
        outcome = check_fault(fault, place)
        tally["kept"] += len(outcome.kept)
        tally["refused"] += len(outcome.refused)
        tally["not opened"] += outcome.code == 2
        tally["went on"] += bool(outcome.refused) and max(outcome.kept, default=-1) > max(outcome.refused)
        shutil.rmtree(place)
    return tally


def test_an_acknowledgement_before_its_flush_would_be_seen() -> None:
    write, tell = (
        '9 pwrite64(4</x/audit.db-wal>, "7\\0"..., 32, 0) = 32\n',
        '9 write(1<pipe:[7]>, "kept 0 0\\n", 9) = 9\n',
    )
    flush = "9 fdatasync(4</x/audit.db-wal>) = 0\n"
    failed = "9 fdatasync(4</x/audit.db-wal>) = -1 EIO (Input/output error) (INJECTED)\n"
    behind = write.replace(", 0)", ", 8)")

    assert acknowledged_before_durable(write + flush + tell) == []
    assert acknowledged_before_durable(write + failed + write + flush + tell) == []
    assert acknowledged_before_durable(write + behind + failed + write + flush + tell) == []
    for early in (write + tell + flush, write + failed + tell, write + failed + behind + flush + tell):
        assert acknowledged_before_durable(early) != []


@traced
@pytest.mark.parametrize("when", [3, 7, 12])
def test_a_flush_that_fails_once_acknowledges_nothing_and_the_next_commit_holds(tmp_path: Path, when: int) -> None:
    outcome = check_fault(Fault("fdatasync", "EIO", when), tmp_path)

    assert len(outcome.refused) == 1
    assert len(outcome.kept) == EVENTS - 1


@traced
@pytest.mark.parametrize("error", ERRORS)
def test_a_write_that_fails_for_a_while_refuses_only_what_was_asked_meanwhile(tmp_path: Path, error: str) -> None:
    outcome = check_fault(Fault("pwrite64", error, 12, repeats=4), tmp_path)

    assert outcome.refused
    assert max(outcome.kept) == EVENTS - 1


@traced
def test_faults_at_random_places_cost_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    tally = inject_faults(tmp_path, 6)

    assert tally["kept"] > 0
    assert tally["refused"] > 0


def test_a_full_file_system_refuses_clearly_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    room = tmp_path / "small"
    room.mkdir()
    if not mount or not umount:
        pytest.skip("needs mount")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", str(room)], check=False).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        ballast = room / "ballast"
        ballast.write_bytes(bytes(500_000))
        told: list[str] = []
        with open_log(room / "audit.db") as log:
            append(log, 0, 200, told.append)
            full = read_outcome(0, "".join(told))
            ballast.unlink()
            assert log.record(event(200)).index == len(full.kept)
            append(log, 0, len(full.kept), told.append)
        assert verify(room / "audit.db", key=KEY).problems == ()
        assert set(full.refused.values()) == {"WorkspaceError"}
        assert sorted(full.kept) == list(range(len(full.kept)))
        assert full.kept.items() <= read_outcome(0, "".join(told)).kept.items()
    finally:
        subprocess.run([umount, str(room)], check=True)


def test_a_file_that_may_not_grow_refuses_clearly_and_the_next_process_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"

    def stay_small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, str(APPENDING), str(path), "0", "200"],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=stay_small,
    )

    limited = read_outcome(done.returncode, done.stdout)
    assert set(limited.refused.values()) == {"WorkspaceError"}
    assert limited.kept
    with open_log(path) as log:
        assert log.size == len(limited.kept)
        assert log.record(event(200)).index == len(limited.kept)
    assert verify(path, key=KEY).problems == ()
