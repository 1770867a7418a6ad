"""Pruning a folder of tiles by a minimum index (C2SP tlog-tiles, "Pruning"): older entries are no longer handed out.

What goes are full tiles and entry bundles that end at or before the minimum index. What stays proves every entry from
there on, in every tree that has at least as many; all proofs that were handed out before hold as they did. The log
itself keeps its leaves, as the specification recommends, and a lower minimum index brings the files back.

INVARIANT: a file that the specification demands is written before any other goes.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.audit.reader import LogReader
from engine.audit.static import bundle, bundle_path, stored_tile
from engine.audit.tiles import TILE_WIDTH, tile_path
from engine.errors import InputError, WorkspaceError
from engine.files import write_atomic

_LEVELS: Final = range(8)


def prune(log: LogReader, folder: Path, minimum: int, size: int) -> int:
    """Have a folder begin at a minimum index, neither earlier nor later; return how many files went.

    Args:
        log: the log that the folder is of.
        folder: as `engine.audit.static.export_log` left it.
        minimum: the minimum index.
        size: how many entries the folder's checkpoint covers.

    Raises:
        InputError: the minimum index is beyond the checkpoint.
        LogTampered: entries that are to be brought back are damaged.
        WorkspaceError: the folder cannot be written.
    """
    if not 0 <= minimum <= size:
        raise InputError(
            f"the minimum index is {minimum}, the folder has {size} entries",
            remedy=f"Name an index from 0 to {size}; what is pruned is entries before it.",
        )
    try:
        for level in _LEVELS:
            for number in range(_first(level, minimum), size >> 8 * (level + 1)):
                _bring_back(log, folder, level, number)
        gone = [folder / path for path in _before(minimum) if (folder / path).exists()]
        for path in gone:
            path.unlink()
            with suppress(OSError):  # other files are in it
                path.parent.rmdir()
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            remedy="Look at the disk and its permissions, then repeat: it goes on where it stopped.",
        ) from error
    return len(gone)


def _first(level: int, minimum: int) -> int:
    """Return the first full tile of a level that ends after the minimum index."""
    return minimum >> 8 * (level + 1)


def _before(minimum: int) -> Iterator[str]:
    """Yield the paths of full tiles and bundles that end at or before the minimum index."""
    for level in _LEVELS:
        for number in range(_first(level, minimum)):
            yield tile_path(level, number)
            if level == 0:
                yield bundle_path(number)


def _bring_back(log: LogReader, folder: Path, level: int, number: int) -> None:
    """Write a full tile, and the bundle beside it, where they are missing."""
    path = folder / tile_path(level, number)
    if not path.exists():
        write_atomic(path, stored_tile(log, level, number, TILE_WIDTH))
    entries = folder / bundle_path(number)
    if level == 0 and not entries.exists():
        write_atomic(entries, bundle(log, number * TILE_WIDTH, (number + 1) * TILE_WIDTH))
