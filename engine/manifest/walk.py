"""Walk a folder without ever leaving it, and say of everything in it whether an artifact can have it.

Folders are opened by descriptor, one name at a time, never through a symlink: whoever can change the folder while
it is walked can make the walk fail, but not make it read elsewhere.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from engine.errors import ManifestError
from engine.findings import Finding, Severity
from engine.manifest.paths import check_path

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST: Final = 128
"""Levels of folders; a descriptor is held for each."""

_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """A regular file, as it was when it was seen; equal as long as nobody touched it.

    Attributes:
        path: relative to the folder.
        size: in bytes.
        executable: whether its owner may execute it.
        stamp: device, inode, and times of modification and of change in nanoseconds.
    """

    path: str
    size: int
    executable: bool
    stamp: tuple[int, int, int, int]


@dataclass(slots=True)
class Walk:
    """What a folder holds.

    Attributes:
        files: every regular file, sorted by path.
        refused: what no artifact can hold, with the reason and a remedy.
    """

    files: list[Seen] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Open a folder, give its descriptor, close it.

    Raises:
        ManifestError: it cannot be opened.
    """
    try:
        # A symlink to the folder itself is the user's own word for it, and is followed.
        descriptor = os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        raise ManifestError(
            f"the folder {folder} cannot be opened: {error.strerror}", remedy="Check the path and its permissions."
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def walk(root: int) -> Walk:
    """List a folder.

    Args:
        root: its descriptor.
    """
    found = Walk()
    _walk_folder(root, "", found)
    found.files.sort()
    return found


def open_file(root: int, path: str) -> int:
    """Open a file of a walked folder for reading and return its descriptor.

    Args:
        root: the folder's descriptor.
        path: as `walk` gave it.

    Raises:
        OSError: it is not there any more, or a symlink stands in the way.
    """
    *folders, name = path.split("/")
    inside = root
    try:
        for part in folders:
            above, inside = inside, os.open(part, _FOLDER, dir_fd=inside)
            if above != root:
                os.close(above)
        return os.open(name, _FILE, dir_fd=inside)
    finally:
        if inside != root:
            os.close(inside)


def seen(path: str, status: os.stat_result) -> Seen:
    """Say what was seen of a regular file."""
    stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    return Seen(path, status.st_size, bool(status.st_mode & stat.S_IXUSR), stamp)


def _walk_folder(descriptor: int, path: str, found: Walk) -> None:
    with os.scandir(descriptor) as entries:
        names = sorted(entry.name for entry in entries)
    if not names and path:
        message = f"{path!r} is an empty folder, which no digest covers"
        _refuse(found, "empty-folder", path, message, "Remove it, or put a file into it.")
    for name in names:
        _walk_entry(descriptor, join(path, name), found)


def _walk_entry(parent: int, path: str, found: Walk) -> None:
    name = path.rpartition("/")[2]
    try:
        check_path(path)
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            found.files.append(seen(path, status))
        elif stat.S_ISDIR(status.st_mode):
            _walk_below(parent, path, found)
        elif stat.S_ISLNK(status.st_mode):
            _refuse_symlink(found, path, os.readlink(name, dir_fd=parent))
        else:
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
            _refuse(found, "special-file", path, f"{path!r} is {kind}", "Remove it, or put its content into a file.")
    except ValueError as error:
        _refuse(found, "path-refused", path, str(error), "Remove or rename it.")
    except OSError as error:
        _refuse(
            found,
            "unreadable",
            path,
            f"{path!r} cannot be read: {error.strerror}",
            "Make it readable, or remove it.",
        )


def _walk_below(parent: int, path: str, found: Walk) -> None:
    if path.count("/") >= _DEEPEST:
        raise ValueError(f"{path!r} lies more than {_DEEPEST} folders deep")
    descriptor = os.open(path.rpartition("/")[2], _FOLDER, dir_fd=parent)
    try:
        _walk_folder(descriptor, path, found)
    finally:
        os.close(descriptor)


def _refuse_symlink(found: Walk, path: str, target: str) -> None:
    landing = normpath(join(dirname(path), target))
    if landing.startswith(("/", "../")) or landing == "..":
        code, where = "symlink-outside", "leads out of the folder"
    else:
        code, where = "symlink", "is a symlink"
    _refuse(found, code, path, f"{path!r} {where}, to {target!a}", "Put the file itself in its place.")


def _refuse(found: Walk, code: str, path: str, message: str, remedy: str) -> None:
    shown = path.encode("utf-8", "backslashreplace").decode()
    found.refused.append(Finding(code, Severity.ERROR, shown, message, remedy))
