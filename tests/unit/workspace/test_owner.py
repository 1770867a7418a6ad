"""One process owns a workspace; the kernel takes the lock back when it dies, however it dies."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import OwnerBusy
from engine.workspace.owner import owned_by, owning

HOLD = """
import sys
from pathlib import Path
from engine.workspace.owner import owning
with owning(Path(sys.argv[1])):
    print("owner", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_owner(lock: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that owns the workspace until its input ends."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"owner\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "acme" / "state" / "owner.lock"


def test_a_second_process_is_told_who_owns_it(lock: Path) -> None:
    with other_owner(lock) as process:
        assert owned_by(lock) == process.pid
        said = f"process {process.pid} owns the workspace {lock.parents[1]}"
        with pytest.raises(OwnerBusy, match=said) as refused, owning(lock):
            pass

        assert refused.value.exit_code == 1
        assert f"kill {process.pid}" in refused.value.remedy


def test_a_killed_owner_leaves_the_workspace_free(lock: Path) -> None:
    with other_owner(lock) as process:
        process.kill()
        process.wait()

        assert owned_by(lock) is None
        with owning(lock):
            assert owned_by(lock) == os.getpid()


def test_patience_waits_for_the_owner_to_finish(lock: Path) -> None:
    with other_owner(lock) as process:
        assert process.stdin is not None
        ending = threading.Timer(0.2, process.stdin.close)
        ending.start()
        with owning(lock, patience_seconds=30):
            assert owned_by(lock) == os.getpid()
        ending.join()


def test_one_process_cannot_own_it_twice(lock: Path) -> None:
    with owning(lock), pytest.raises(OwnerBusy), owning(lock):
        pass


def test_nobody_owns_what_was_never_owned_or_given_back(lock: Path) -> None:
    assert owned_by(lock) is None
    with owning(lock):
        pass
    assert owned_by(lock) is None


def test_an_error_inside_gives_it_back(lock: Path) -> None:
    with pytest.raises(ValueError, match="inside"), owning(lock):
        raise ValueError("inside")

    assert owned_by(lock) is None


def test_a_lock_that_is_a_symlink_is_not_followed(lock: Path, tmp_path: Path) -> None:
    lock.parent.mkdir(parents=True)
    (tmp_path / "precious").write_text("precious")
    lock.symlink_to(tmp_path / "precious")

    with pytest.raises(OSError, match=r"owner\.lock"), owning(lock):
        pass

    assert (tmp_path / "precious").read_text() == "precious"
