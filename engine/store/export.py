"""Writing a file out of the store: whole, verified, and never through a symbolic link."""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from engine.errors import DigestMismatch, StoreError
from engine.store.disk import disk_errors, open_file, write_all

_PASS_THROUGH: Final = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)


def write_verified(path: Path, pieces: Iterable[memoryview], *, sha256: str, mode: int) -> int:
    """Write `pieces` to `path` if they have the digest; else leave `path` as it was. Return the size in bytes.

    Args:
        path: absolute, without `..`; folders that are missing are made.
        pieces: the content in order; each is used before the next is asked for.
        sha256: what the whole content must have.
        mode: permission bits of the file, exact whatever the umask says.

    Raises:
        DigestMismatch: the content has another digest.
        StoreError: the disk is full or broken, or a part of the path is a symbolic link or no folder.
    """
    with disk_errors("exporting to", path), _folder_of(path) as folder:
        _refuse_special(path, folder)
        temporary = f".{secrets.token_hex(8)}.lading"
        try:
            with open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, folder=folder) as descriptor:
                size = _write_checked(descriptor, pieces, path, sha256)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            raise
        os.fsync(folder)
    return size


def _write_checked(descriptor: int, pieces: Iterable[memoryview], path: Path, sha256: str) -> int:
    digest = hashlib.sha256()
    size = 0
    for piece in pieces:
        digest.update(piece)
        write_all(descriptor, piece)
        size += len(piece)
    if digest.hexdigest() != sha256:
        raise DigestMismatch(
            f"{path.name} would have the digest {digest.hexdigest()}, where {sha256} was promised",
            remedy="Read the scope with fsck, discard what is damaged and have it delivered again.",
        )
    return size


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """Open the folder of `path`, one part after the other, so that no link can be slipped in between."""
    if not path.is_absolute() or ".." in path.parts:
        raise StoreError(f"{path} is not an absolute path without '..'", remedy="Resolve the destination first.")
    folder = os.open(path.anchor, _PASS_THROUGH)
    try:
        for part in path.parts[1:-1]:
            above, folder = folder, _step_into(folder, part)
            os.close(above)
        with open_file(".", os.O_RDONLY | os.O_DIRECTORY, folder=folder) as readable:
            yield readable
    finally:
        os.close(folder)


def _step_into(folder: int, name: str) -> int:
    try:
        return os.open(name, _PASS_THROUGH | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
        with open_file(".", os.O_RDONLY | os.O_DIRECTORY, folder=folder) as above:
            os.fsync(above)
        return os.open(name, _PASS_THROUGH | os.O_NOFOLLOW, dir_fd=folder)


def _refuse_special(path: Path, folder: int) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise StoreError(
                f"{path} is there already and is no regular file", remedy="Move it away, or export elsewhere."
            )
