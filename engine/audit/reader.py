"""Reading the log while its owner writes it: rows for screens, entries, and proofs checked row by row.

A reader never writes, and holds no transaction open, so it neither blocks the owner nor keeps its files growing.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.entry import COLUMNS, Entry, parse_entry, parse_leaf
from engine.audit.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from engine.audit.schema import (
    ENTRY_ROWS,
    READABLE,
    mapped,
    open_reader,
    read_tile,
    tampered,
    version_of,
    wrong_version,
)
from engine.audit.tiles import TILE_WIDTH, TileTree
from engine.errors import InputError, LadingError

_ROWS: Final = f"SELECT idx, leaf, {', '.join(COLUMNS)} FROM event WHERE idx >= ? ORDER BY idx LIMIT ?"  # noqa: S608 - our own names

_SELECTED: Final = (
    f"SELECT salt, body, event.idx, leaf, {', '.join(COLUMNS)} FROM event LEFT JOIN payload ON payload.idx = event.idx"  # noqa: S608 - as above
)


class RowState(StrEnum):
    """What the proof of a row says."""

    PROVED = "proved"
    BROKEN = "broken"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as a screen shows it, straight from the columns: only `check_row` tells whether it is true.

    Attributes are those of the leaf (see `engine.audit.entry`), with the entry's index and the leaf itself.
    """

    index: int
    leaf: bytes
    id: str
    time: str
    type: str
    actor: str
    artifact: str | None
    partner: str | None
    transfer: str | None
    agreement: str | None
    decision: str | None
    policy: str | None
    statement: str | None


class LogReader:
    """Reads an audit log. Threads may share a reader.

    Args:
        path: the log's database.

    Raises:
        WorkspaceError: there is no log at `path`, or another release wrote it.
        LogTampered: the file is no database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with mapped(path):
            self._db = open_reader(path)
            # A damaged column must not end a screen: it shows, and its row is broken.
            self._db.text_factory = _readable
            version = version_of(self._db)
        if version not in READABLE:
            self._db.close()
            raise wrong_version(path, version)
        self._tree = TileTree(self._tile)

    @property
    def size(self) -> int:
        """How many entries the newest checkpoint covers."""
        rows = self._query("SELECT size FROM checkpoint ORDER BY size DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    @property
    def origin(self) -> str:
        """The log's origin, as its newest checkpoint says it."""
        return read_checkpoint(self.newest_checkpoint()).origin

    def forget_tiles(self) -> None:
        """Read tiles again from now on; those that were read may have been wrong."""
        with self._lock:
            self._tree = TileTree(self._tile)

    def data_version(self) -> int:
        """Return a number that changes whenever somebody else has written to the log."""
        return int(self._query("PRAGMA data_version")[0][0])

    def rows(self, start: int, count: int) -> list[Row]:
        """Return up to `count` rows from index `start` on. A row that is missing is missing here, too."""
        return [_row(row) for row in self._query(_ROWS, start, count)]

    def select(self, condition: str, values: Sequence[str | int], count: int) -> list[tuple[Row, Any, Any]]:
        """Return up to `count` rows with their salts and payloads as they are stored.

        Args:
            condition: what stands behind WHERE, over the columns of `event`, with its ORDER BY.
            values: the parameters of the condition.
            count: at most so many.
        """
        rows = self._query(f"{_SELECTED} WHERE {condition} LIMIT ?", *values, count)
        return [(_row(shown), salt, body) for salt, body, *shown in rows]

    def attach(self, path: Path, name: str) -> None:
        """Attach another database under a name, for conditions of `select`; it cannot be changed through this reader.

        Raises:
            WorkspaceError: it cannot be opened.
        """
        self._query(f"ATTACH ? AS {name}", f"{path.absolute().as_uri()}?mode=ro")

    def query(self, statement: str, *values: str | int) -> list[Any]:
        """Return the rows of a statement of this room's, such as one over what is attached."""
        return self._query(statement, *values)

    def entry(self, index: int) -> Entry:
        """Return one entry with its payload.

        Raises:
            InputError: the log has no such entry.
            LogTampered: it should have, or the row is damaged.
        """
        rows = self._query(f"{ENTRY_ROWS} WHERE event.idx = ?", index)
        if rows:
            return parse_entry(rows[0])
        if 0 <= index < self.size:
            raise tampered(f"entry {index} is missing")
        raise InputError(
            f"the audit log has no entry {index}, it has {self.size}",
            remedy="Name an entry from 'lading audit show'.",
        )

    def find(self, event_id: str) -> Entry | None:
        """Return the entry of an event, or None if it was never recorded.

        Raises:
            LogTampered: the row found is damaged, or its leaf is another event's.
        """
        rows = self._query(f"{ENTRY_ROWS} WHERE event.id = ?", event_id)
        return self._agreeing(rows, "id", event_id)[0] if rows else None

    def of_transfer(self, transfer: str) -> list[Entry]:
        """Return the entries of a transfer in order.

        Raises:
            LogTampered: a row is damaged, or its leaf is another transfer's.
        """
        rows = self._query(f"{ENTRY_ROWS} WHERE event.transfer = ? ORDER BY event.idx", transfer)
        return self._agreeing(rows, "transfer", transfer)

    def decisions(self, transfer: str, most: int) -> list[Entry]:
        """Return the newest decisions about a transfer, the newest first, those in shadow among them.

        Raises:
            LogTampered: as `of_transfer`.
        """
        # The plus keeps SQLite off the index over types: that over transfers finds fewer rows.
        condition = "event.transfer = ? AND +event.type GLOB 'decision.*' ORDER BY event.idx DESC LIMIT ?"
        return self._agreeing(self._query(f"{ENTRY_ROWS} WHERE {condition}", transfer, most), "transfer", transfer)

    def of_artifact(self, root: str) -> list[Entry]:
        """Return the entries about an artifact in order, by its root digest; every row is looked at.

        Raises:
            LogTampered: a row is damaged, or its leaf is about another artifact.
        """
        rows = self._query(f"{ENTRY_ROWS} WHERE event.artifact = ? ORDER BY event.idx", root)
        return self._agreeing(rows, "artifact", root)

    def newest_checkpoint(self) -> bytes:
        """Return the newest signed checkpoint with all cosignatures held for it.

        Raises:
            LogTampered: the log has none.
        """
        rows = self._query("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        if not rows:
            raise tampered("there is no checkpoint")
        return self._with_cosignatures(*rows[0])

    def cosigned_checkpoint(self, witness: str) -> bytes | None:
        """Return the newest checkpoint that a witness cosigned, with all its cosignatures; None if there is none.

        Args:
            witness: the name of the witness' key.
        """
        rows = self._query(
            "SELECT size, note FROM checkpoint JOIN cosignature USING (size) WHERE name = ? ORDER BY size DESC LIMIT 1",
            witness,
        )
        return self._with_cosignatures(*rows[0]) if rows else None

    def cosigned_checkpoints(self, witnesses: Sequence[str], *, least: int, most: int) -> Iterator[bytes]:
        """Yield checkpoints that one of these witnesses cosigned, the newest first, each with all its cosignatures.

        Args:
            witnesses: the names of their keys.
            least: how many entries a checkpoint has to have.
            most: how many checkpoints to look at.
        """
        rows = self._query(
            "SELECT size, note FROM checkpoint WHERE size >= ? AND size IN (SELECT size FROM cosignature"
            " WHERE name IN (SELECT value FROM json_each(?))) ORDER BY size DESC LIMIT ?",
            least,
            json.dumps(list(witnesses)),
            most,
        )
        for size, note in rows:
            yield self._with_cosignatures(size, note)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """Return the first `width` hashes of a tile (C2SP tlog-tiles), or None if the log has not so many."""
        rows = self._query("SELECT hashes FROM tile WHERE level = ? AND number = ?", level, number)
        hashes = rows[0][0] if rows else b""
        if not isinstance(hashes, bytes) or not 0 < width <= TILE_WIDTH or len(hashes) < width * HASH_SIZE:
            return None
        return hashes[: width * HASH_SIZE]

    def prove(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of an entry in the tree of the first `size` entries.

        Raises:
            InputError: there is no such entry in a tree of that size.
            LogTampered: a tile is missing or too short.
        """
        with self._lock:
            _within(index, size, self.size)
            return self._tree.prove_inclusion(index, size)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` entries extends the tree of `old`.

        Raises:
            InputError: the log never had these sizes in this order.
            LogTampered: a tile is missing or too short.
        """
        with self._lock:
            _within(old, new + 1, self.size + 1)
            return self._tree.prove_consistency(old, new)

    def check_row(self, row: Row, checkpoint: Checkpoint) -> RowState:
        """Prove what a row shows from its leaf up to a checkpoint.

        Args:
            row: the row as it was shown.
            checkpoint: a checkpoint whose signature was verified with the pinned key (`open_checkpoint`).

        Returns:
            PENDING if the row is newer than the checkpoint. Otherwise PROVED, if the columns say what the leaf
            says and the leaf is in the tree; BROKEN if not.
        """
        if row.index >= checkpoint.size:
            return RowState.PENDING
        try:
            public = parse_leaf(row.leaf)
            proof = self.prove(row.index, checkpoint.size)
        except LadingError:
            return RowState.BROKEN
        shown = all(getattr(row, column) == public.get(column) for column in COLUMNS)
        leaf = leaf_hash(row.leaf)
        proved = verify_inclusion(row.index, checkpoint.size, leaf, proof, checkpoint.root)
        return RowState.PROVED if shown and proved else RowState.BROKEN

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """Return the reader, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def _with_cosignatures(self, size: int, note: object) -> bytes:
        if not isinstance(note, bytes):
            raise tampered(f"the checkpoint at size {size} is not a note")
        lines = self._query("SELECT line FROM cosignature WHERE size = ? ORDER BY name", size)
        return note + "".join(line for (line,) in lines).encode("utf-8")

    def _agreeing(self, rows: Sequence[Sequence[Any]], attribute: str, value: str) -> list[Entry]:
        # INVARIANT: evidence never comes from an index or a column alone; the leaf has to say the same.
        entries = [parse_entry(row) for row in rows]
        for entry in entries:
            if entry.public.get(attribute) != value:
                raise tampered(f"entry {entry.index} is listed under {attribute} {value!a}, its leaf says otherwise")
        return entries

    def _tile(self, level: int, number: int) -> bytes:
        with self._lock, mapped(self.path):
            return read_tile(self._db, level, number)

    def _query(self, statement: str, *parameters: object) -> list[Any]:
        with self._lock, mapped(self.path):
            return self._db.execute(statement, parameters).fetchall()


def _row(found: Sequence[Any]) -> Row:
    index, leaf, *columns = found
    shown: list[Any] = [value if value is None or isinstance(value, str) else repr(value) for value in columns]
    return Row(index, leaf if isinstance(leaf, bytes) else b"", *shown)


def _readable(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _within(index: int, size: int, known: int) -> None:
    if not 0 <= index < size <= known:
        raise InputError(
            f"no proof from {index} in {size}: the audit log has {known} entries",
            remedy="Ask for entries and sizes that the log has.",
        )
