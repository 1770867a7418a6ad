"""Writing files so that a crash leaves the old one or the new one, never half of either."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import UsageError


def check_place(path: Path) -> None:
    """Check that a file can stand at `path`, before anything is done for it.

    Raises:
        UsageError: its folder is not there, or something else than a regular file stands there.
    """
    folder = path.absolute().parent
    if path.is_symlink() or (path.exists() and not path.is_file()):
        found = "a folder" if path.is_dir() and not path.is_symlink() else "a link or a device"
        raise UsageError(f"{path} is {found}", remedy="Name a file.")
    if not folder.is_dir():
        raise UsageError(f"the folder {folder} is not there", remedy="Make it first.")


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` with `data`: temporary file, fsync, rename, fsync of the folder.

    Args:
        path: the file to replace; its folder is created if needed.
        data: the whole new content.
        mode: permission bits of the new file, exact whatever the umask says.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is then as it was.
    """
    with replacing(path, mode=mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Give a file to write to that takes the place of `path` at the end of the block, durably; or not at all.

    Args:
        path: the file to replace; its folder is created if needed.
        mode: permission bits of the new file, exact whatever the umask says.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_regular(path: Path, limit: int) -> bytes:
    """Read at most `limit` bytes of a regular file, following no link and waiting for nobody.

    Raises:
        OSError: there is none, it is a link, a pipe, a device or a folder, or it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return file.read(limit)


def write_secret(path: Path, data: bytes) -> None:
    """Write a private file that did not exist before (0600), durably.

    Raises:
        FileExistsError: there is one already; secrets are never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
