"""One owner process per workspace: the only writer of its log, its sandbox and its store.

The owner holds `state/owner.lock` (flock) for as long as it lives; the kernel gives it back when the process dies,
however it dies. Inside the file stands the owner's process id, for messages only.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import OwnerBusy

PAUSE_SECONDS = 0.05


@contextlib.contextmanager
def owning(lock: Path, *, patience_seconds: float = 0.0) -> Iterator[None]:
    """Own the workspace inside the `with` block.

    Args:
        lock: the lock file; created if needed.
        patience_seconds: how long to wait for another owner to finish.

    Raises:
        OwnerBusy: another process owns the workspace and kept it.
    """
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(descriptor, lock, patience_seconds)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def owned_by(lock: Path) -> int | None:
    """Return the process id of the owner, or None when nobody owns the workspace."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def _take(descriptor: int, lock: Path, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip() or "unknown"
                raise OwnerBusy(
                    f"process {holder} owns the workspace {lock.parent.parent}",
                    remedy=f"Wait for it, or stop it ('kill {holder}'). If it is a gateway, use it: commands reach it.",
                ) from None
            time.sleep(PAUSE_SECONDS)
        else:
            return
