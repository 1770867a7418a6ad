"""A log held against the folder of tiles that was once made of it, entry by entry and tile by tile.

The folder is verified by itself first, under the pinned key. Then whichever of the two is longer must extend the
other: a log that is longer has only grown; a folder that is longer shows that the log was set back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.audit.checkpoint import Checkpoint
from engine.audit.merkle import HASH_SIZE
from engine.audit.reader import LogReader
from engine.audit.static import StaticLog, bundle_path
from engine.audit.tiles import TILE_WIDTH, TileTree, tile_path, tile_width
from engine.audit.verification import Kind, Problem, Problems
from engine.errors import LogTampered

Progress = Callable[[int, int], None]
"""Told how many entries were compared, and how many are to be."""

_LEVELS: Final = range(8)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What holding a log against a folder showed.

    Attributes:
        folder: the folder's checkpoint.
        log: how many entries the log has.
        entries: how many entries both have and were compared.
        tiles: how many tiles were compared.
        problems: what differs.
    """

    folder: Checkpoint
    log: int
    entries: int
    tiles: int
    problems: tuple[Problem, ...]


def compare_with_tiles(log: LogReader, static: StaticLog, log_checkpoint: Checkpoint, progress: Progress) -> Comparison:
    """Compare every leaf and every tile that both have, and whether the longer one extends the other.

    Args:
        log: the log.
        static: the folder, whose checkpoint is signed by the log's pinned key; all of it is verified here.
        log_checkpoint: the log's newest checkpoint, its signature verified.
        progress: told how far it is.

    Raises:
        InputError: a file of the folder is missing or has another form.
        LogTampered: the folder does not hold together by itself.
    """
    folder, problems = static.verify(), Problems()
    common = min(folder.size, log_checkpoint.size)
    for start in range(static.start, common, TILE_WIDTH):
        _compare_leaves(log, static, start, min(start + TILE_WIDTH, common), problems)
        progress(min(start + TILE_WIDTH, common), common)
    tiles = _compare_tiles(log, static, common, problems)
    _compare_roots(log, static, log_checkpoint, problems)
    compared = max(0, common - static.start)
    return Comparison(folder, log_checkpoint.size, compared, tiles, tuple(problems.found))


def _compare_leaves(log: LogReader, static: StaticLog, start: int, end: int, problems: Problems) -> None:
    held = {row.index: row.leaf for row in log.rows(start, end - start)}
    for index, leaf in enumerate(static.leaves(start // TILE_WIDTH)[: end - start], start):
        if held.get(index) != leaf:
            width = tile_width(0, start // TILE_WIDTH, static.checkpoint.size)
            message = f"is not the one in {bundle_path(start // TILE_WIDTH, width)} of the folder"
            problems.add(Kind.ENTRY, f"entry {index}", message)


def _compare_tiles(log: LogReader, static: StaticLog, common: int, problems: Problems) -> int:
    """Compare the tiles of the tree over the entries that both have; return how many there are."""
    compared = 0
    for level in _LEVELS:
        number = static.start >> 8 * (level + 1)
        while width := tile_width(level, number, common):
            hashes = static.tile(level, number)[: width * HASH_SIZE]
            if log.tile(level, number, width) != hashes:
                problems.add(Kind.TILE, tile_path(level, number, width), "is not the one in the folder")
            compared += 1
            number += 1
    return compared


def _compare_roots(log: LogReader, static: StaticLog, newest: Checkpoint, problems: Problems) -> None:
    """Say whether the longer of the two extends the shorter one."""
    folder = static.checkpoint
    if folder.size > newest.size:
        message = f"the folder has {folder.size} entries that the log signed, the log has {newest.size}"
        problems.add(Kind.ROLLBACK, f"checkpoint {folder.size}", message)
        if newest.size < static.start:
            return  # what could show more was pruned from the folder
        longer, shorter = TileTree(static.tile), newest
    else:
        longer, shorter = TileTree(lambda level, number: _stored(log, level, number, newest.size)), folder
    try:
        extends = longer.root(shorter.size) == shorter.root
    except LogTampered as error:
        problems.add(Kind.TILE, f"checkpoint {shorter.size}", str(error))
        return
    if not extends:
        message = "the log and the folder have another root at this size, both signed by the log's key"
        problems.add(Kind.FORK, f"checkpoint {shorter.size}", message)


def _stored(log: LogReader, level: int, number: int, size: int) -> bytes:
    return log.tile(level, number, tile_width(level, number, size)) or b""
