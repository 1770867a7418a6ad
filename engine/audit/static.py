"""A log as a folder of files (C2SP tlog-tiles): for cold storage, for a web server, and for tools that are not ours.

    checkpoint                 the newest signed checkpoint with all its cosignatures
    tile/<L>/<N>[.p/<W>]       the tree's hashes
    tile/entries/<N>[.p/<W>]   the leaves, 256 to a bundle, each with its length in 16 bits, big-endian

Payloads are not exported: a folder that was handed on cannot be erased.

INVARIANTS
- The checkpoint is written last, so whatever it covers is there.
- A folder is only ever extended, by the log it was made from.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.merkle import HASH_SIZE, leaf_hash, verify_consistency
from engine.audit.note import NOTE_LIMIT, NoteKey
from engine.audit.reader import LogReader
from engine.audit.schema import tampered
from engine.audit.tiles import TILE_WIDTH, Edge, TileTree, tile_path, tile_width
from engine.errors import InputError, LogTampered, WorkspaceError
from engine.files import read_regular, write_atomic

CHECKPOINT_FILE: Final = "checkpoint"
BUNDLE_LIMIT: Final = TILE_WIDTH * (2 + 65_535)
"""The most bytes an entry bundle can have."""

_LENGTH: Final = struct.Struct(">H")
_LEVELS: Final = range(8)

Progress = Callable[[int, int], None]
"""Told how many entries are written or read, and how many there are."""


def bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return an entry bundle's path as tlog-tiles writes it: `tile/entries/x001/067`, `.p/W` at the end if partial."""
    return "tile/entries" + tile_path(0, number, width).removeprefix("tile/0")


def export_log(log: LogReader, folder: Path, key: NoteKey, progress: Progress | None = None) -> tuple[Checkpoint, int]:
    """Write a log to a folder, or bring a folder it was written to before up to date.

    Args:
        log: the log; its owner may go on appending.
        folder: where to; made if it is missing.
        key: the log's pinned key.
        progress: told how far it is.

    Returns:
        The checkpoint that the folder now has, and how many entries were added.

    Raises:
        LogTampered, BadSignature: the folder is another log's or not a beginning of this one, or the log is damaged.
        WorkspaceError: the folder holds something else, or cannot be written.
    """
    note = log.newest_checkpoint()
    newest = open_checkpoint(note, [key]).checkpoint
    try:
        known = _known(log, folder, key, newest)
        for level in _LEVELS:
            _write_tiles(log, folder, level, known, newest.size)
        for start in range(known - known % TILE_WIDTH, newest.size, TILE_WIDTH):
            end = min(start + TILE_WIDTH, newest.size)
            write_atomic(folder / bundle_path(start // TILE_WIDTH, end - start), bundle(log, start, end))
            if progress is not None:
                progress(end - known, newest.size - known)
        _demand_root(log, newest)
        write_atomic(folder / CHECKPOINT_FILE, note)
        _tidy(folder, known, newest.size)
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            remedy="Look at the disk and its permissions, then repeat: what is there is taken up again.",
        ) from error
    return newest, newest.size - known


class StaticLog:
    """A log in a folder, read without believing it. Whoever reads it compares roots.

    Args:
        folder: holds `checkpoint` and `tile/`.
        keys: the pinned keys of the log and of any witnesses.
        minimum: the minimum index that the reader accepts: entries before it may lack (`engine.audit.pruning`).

    Attributes:
        note: the signed checkpoint.
        checkpoint: what it says.
        start: the first entry that is read; before it, only tiles are.

    Raises:
        InputError: there is no such folder or checkpoint, or it covers fewer entries than the minimum index.
        BadSignature: the log's key did not sign the checkpoint.
    """

    def __init__(self, folder: Path, keys: list[NoteKey], minimum: int = 0) -> None:
        self._folder = folder
        self.note = self._read(CHECKPOINT_FILE, NOTE_LIMIT)
        self.checkpoint = open_checkpoint(self.note, keys).checkpoint
        self.start = minimum // TILE_WIDTH * TILE_WIDTH
        if minimum > self.checkpoint.size:
            raise InputError(
                f"{folder} has {self.checkpoint.size} entries, the minimum index is {minimum}",
                remedy="Name the minimum index that the log's owner told you.",
            )

    def tile(self, level: int, number: int) -> bytes:
        """Return a tile's hashes, as many as the checkpoint's size asks for.

        Raises:
            InputError: the tile is missing, or has another length.
        """
        width = tile_width(level, number, self.checkpoint.size)
        path = tile_path(level, number, width)
        hashes = self._read(path, TILE_WIDTH * HASH_SIZE)
        if len(hashes) != width * HASH_SIZE:
            raise _unfit(self._folder / path, f"has {len(hashes)} bytes, expected {width * HASH_SIZE}")
        return hashes

    def leaves(self, number: int) -> list[bytes]:
        """Return the leaves of an entry bundle, in order.

        Raises:
            InputError: the bundle is missing, or does not hold as many leaves as the checkpoint asks for.
        """
        width = tile_width(0, number, self.checkpoint.size)
        path = bundle_path(number, width)
        leaves = list(_split(self._read(path, BUNDLE_LIMIT), self._folder / path))
        if len(leaves) != width:
            raise _unfit(self._folder / path, f"holds {len(leaves)} entries, expected {width}")
        return leaves

    def verify(self, progress: Progress | None = None) -> Checkpoint:
        """Compute every tile and the root again from the leaves, from `start` on.

        Of what is before it, the root proves the hashes in the tiles, and nothing is known of the leaves.

        Returns:
            The checkpoint, which now is proved to cover exactly these leaves.

        Raises:
            InputError: a file is missing or has another form.
            LogTampered: a tile or the root is not the one over the leaves.
        """
        size, edge = self.checkpoint.size, Edge.load(self.start, TileTree(self.tile))
        for number in range(self.start // TILE_WIDTH, (size + TILE_WIDTH - 1) // TILE_WIDTH):
            full = [tile for leaf in self.leaves(number) for tile in edge.append(leaf_hash(leaf))]
            for tile in full:
                self._compare(tile.level, tile.number, tile.hashes)
            if progress is not None:
                progress(edge.range.size, size)
        for tile in edge.partial_tiles():
            self._compare(tile.level, tile.number, tile.hashes)
        if edge.range.root() != self.checkpoint.root:
            raise LogTampered(
                f"the entries in {self._folder} do not have the root of its checkpoint, at {size} entries",
                remedy="Get the folder again from where it was kept, and compare both.",
            )
        return self.checkpoint

    def _compare(self, level: int, number: int, hashes: bytes) -> None:
        if self.tile(level, number) != hashes:
            path = self._folder / tile_path(level, number, tile_width(level, number, self.checkpoint.size))
            raise LogTampered(
                f"{path} is not the tile over the entries beside it",
                remedy="Get the folder again from where it was kept, and compare both.",
            )

    def _read(self, path: str, limit: int) -> bytes:
        try:
            data = read_regular(self._folder / path, limit + 1)
        except FileNotFoundError:
            raise InputError(
                f"{self._folder / path} is missing",
                remedy="Get the folder again from where it was kept; if the log's owner pruned it, name the "
                "--minimum-index they told you.",
            ) from None
        except OSError as error:
            raise _unfit(self._folder / path, f"cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise _unfit(self._folder / path, f"has more than {limit} bytes")
        return data


def _known(log: LogReader, folder: Path, key: NoteKey, newest: Checkpoint) -> int:
    """Return how many entries the folder has already, after making sure that the log extends it."""
    if not (folder / CHECKPOINT_FILE).exists():
        if folder.exists() and any(folder.glob("[!.]*")) and not (folder / "tile").is_dir():
            raise WorkspaceError(f"{folder} holds something else than a log", remedy="Name a new or an empty folder.")
        return 0
    old = StaticLog(folder, [key]).checkpoint
    grew = old.size <= newest.size and verify_consistency(
        old.size, newest.size, old.root, newest.root, log.prove_consistency(old.size, newest.size)
    )
    if not grew:
        raise LogTampered(
            f"the log does not extend the one in {folder}, which has {old.size} entries; it has {newest.size}",
            remedy="Keep the folder: it shows that the log was rolled back or written anew. Run 'lading audit verify'.",
        )
    return old.size


def _write_tiles(log: LogReader, folder: Path, level: int, known: int, size: int) -> None:
    number = (known >> 8 * level) // TILE_WIDTH
    while width := tile_width(level, number, size):
        write_atomic(folder / tile_path(level, number, width), stored_tile(log, level, number, width))
        number += 1


def stored_tile(log: LogReader, level: int, number: int, width: int) -> bytes:
    """Return a tile's first hashes as the log stores them.

    Raises:
        LogTampered: it is missing or too short.
    """
    hashes = log.tile(level, number, width)
    if hashes is None:
        raise tampered(f"{tile_path(level, number, width)} is missing or too short")
    return hashes


def bundle(log: LogReader, start: int, end: int) -> bytes:
    """Return the entry bundle of entries from `start` to before `end`, which lie in one tile.

    Raises:
        LogTampered: they are not those that the tree holds.
    """
    rows = log.rows(start, end - start)
    hashes = b"".join(leaf_hash(row.leaf) for row in rows)
    if hashes != stored_tile(log, 0, start // TILE_WIDTH, end - start):
        raise tampered(f"the entries from {start} to {end - 1} are not those that the tree holds")
    return b"".join(_LENGTH.pack(len(row.leaf)) + row.leaf for row in rows)


def _demand_root(log: LogReader, checkpoint: Checkpoint) -> None:
    tree = TileTree(lambda level, number: stored_tile(log, level, number, tile_width(level, number, checkpoint.size)))
    if tree.root(checkpoint.size) != checkpoint.root:
        raise tampered(f"its tiles do not have the root of its checkpoint, at {checkpoint.size} entries")


def _tidy(folder: Path, known: int, size: int) -> None:
    """Take away the partial tiles and the bundle that longer ones have replaced."""
    for level in _LEVELS:
        number = (known >> 8 * level) // TILE_WIDTH
        old, new = (tile_width(level, number, each) for each in (known, size))
        if not old or old == new:
            continue
        stale = [tile_path(level, number, old)] + [bundle_path(number, old)] * (level == 0)
        for path in stale:
            (folder / path).unlink(missing_ok=True)
            if new == TILE_WIDTH:
                (folder / path).parent.rmdir()


def _split(bundle: bytes, path: Path) -> Iterator[bytes]:
    place = 0
    while place < len(bundle):
        start = place + _LENGTH.size
        if start > len(bundle):
            raise _unfit(path, "ends within a length")
        place = start + _LENGTH.unpack_from(bundle, place)[0]
        if place > len(bundle):
            raise _unfit(path, "ends within an entry")
        yield bundle[start:place]


def _unfit(path: Path, why: str) -> InputError:
    return InputError(f"{path} {why}", remedy="Get the folder again from where it was kept.")
