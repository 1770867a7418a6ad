"""What the operating system says about the disk, as errors that a person can act on."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import StoreError

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER: Final = {errno.ENOTDIR, errno.ELOOP}


@contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn every `OSError` inside into a `StoreError` that says what was being done to which path."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreError(f"{doing} {path} failed: {why}", remedy=_remedy(error.errno, path)) from error


@contextmanager
def open_file(path: Path | str, flags: int, *, folder: int | None = None) -> Iterator[int]:
    """Open a file for as long as the block runs, and never through a symbolic link.

    Args:
        path: the file, relative to `folder` if that is given.
        flags: of open(2).
        folder: a descriptor of the folder the file is in.

    Raises:
        OSError: it cannot be opened; a file that is created is for its owner alone.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """Return how many bytes this process may still write to the disk of `folder`."""
    with disk_errors("asking for the free space of", folder):
        status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def write_all(descriptor: int, data: memoryview) -> None:
    """Write all of `data`, in as many calls as it takes.

    Raises:
        OSError: the disk is full or broken.
    """
    written = 0
    while written < len(data):
        written += os.write(descriptor, data[written:])


def _remedy(code: int | None, path: Path) -> str:
    if code in _FULL:
        return f"Free space on the disk of {path.parent}, or raise the quota; then run it again: it resumes."
    if code in _FORBIDDEN:
        return f"Run it as the user that owns {path.parent}, on a disk mounted for writing."
    if code in _NO_FOLDER:
        return "A part of the path is a symbolic link or a file: name the real folder, and remove the link."
    if code == errno.ENOENT:
        return "Run it again; should it stay, the scope was destroyed, and nothing can be kept in it any more."
    return "Look at the disk and the system log, then run it again."
