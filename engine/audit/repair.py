"""Rebuilding what is derived from the leaves: columns, tiles and indexes, and nothing else.

INVARIANTS
- No leaf, payload, checkpoint or cosignature is ever written.
- What was rebuilt is verified in full before it is committed; unless all of the log then holds together, nothing
  is changed. So the leaves that everything is rebuilt from are those under the signed root.
- One transaction: a crash leaves the log as it was, or repaired.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from engine.audit import schema
from engine.audit.entry import COLUMNS, parse_leaf
from engine.audit.fsck import Steps
from engine.audit.merkle import leaf_hash
from engine.audit.note import NoteKey
from engine.audit.tiles import TILE_WIDTH, Edge, Tile, tile_width
from engine.audit.verification import Kind, Problem, Verification
from engine.audit.verify import examine, literal_text
from engine.errors import InputError, LogTampered

_PAGE: Final = 4 * TILE_WIDTH
_DERIVED: Final = frozenset({Kind.COLUMN, Kind.TILE, Kind.STRUCTURE})
_PASSING: Final = frozenset({Kind.ERASURE})
"""What stands in nobody's way: whoever can append to the log again finishes the erasures that it names."""

_ROWS: Final = f"SELECT idx, leaf, {', '.join(COLUMNS)} FROM event WHERE idx >= ? ORDER BY idx LIMIT ?"  # noqa: S608 - our own names
_SET: Final = f"UPDATE event SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE idx = ?"  # noqa: S608 - as above
_SET_ASIDE: Final = "UPDATE event SET id = char(0) || idx WHERE idx = ?"
_UPSERT_TILE: Final = (
    "INSERT INTO tile VALUES (?, ?, ?) ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was derived wrongly, and is right now.

    Attributes:
        columns: how many entries had a column that did not say what the leaf says.
        tiles: how many tiles were missing, other than the leaves have them, or of no tree of this size.
        indexes: whether the indexes were made again.
    """

    columns: int = 0
    tiles: int = 0
    indexes: bool = False

    def __bool__(self) -> bool:
        """Say whether anything was."""
        return bool(self.columns or self.tiles or self.indexes)


def repair(
    db: sqlite3.Connection,
    *,
    key: NoteKey,
    remembered: Iterable[bytes] = (),
    witnesses: Iterable[NoteKey] = (),
    dry_run: bool = False,
    progress: Steps = lambda _step, _done, _total: None,
) -> Rebuilt:
    """Rebuild what is derived wrongly in a log's database. Doing it again changes nothing.

    Args:
        db: the database, open for writing, outside any transaction; nobody else writes meanwhile.
        key: the log's key, pinned outside the database.
        remembered: signed checkpoints of this log that were seen before.
        witnesses: the pinned keys of every witness whose cosignatures the log may hold.
        dry_run: find out what would be rebuilt and whether the log would hold together, and change nothing.
        progress: told how far it is.

    Raises:
        LogTampered: something that is not derived is wrong, named in the message; nothing was changed.
        sqlite3.Error: the database cannot be read or written; nothing was changed.
    """
    seen, pinned = tuple(remembered), tuple(witnesses)

    def look(step: str) -> Verification:
        return examine(
            db,
            key=key,
            remembered=seen,
            witnesses=pinned,
            progress=lambda done, total: progress(step, done, total),
        )

    db.execute("BEGIN IMMEDIATE")
    try:
        made = _make_indexes(db)
        before = look("verifying")
        rebuilt = Rebuilt(indexes=made)
        if _lasting(before) or before.omitted:
            rebuilt = _rebuild(db, before, made=made)
            _demand_whole(look("verifying again"))
        db.execute("ROLLBACK" if dry_run or not rebuilt else "COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return rebuilt


def _make_indexes(db: sqlite3.Connection) -> bool:
    """Make the indexes that are missing; say whether there were any."""
    version = schema.version_of(db)
    if version not in schema.READABLE:
        return False
    missing = schema.expected(version) - schema.describe(db)
    statements = [sql for kind, _, sql in sorted(missing) if kind == "index" and sql]
    if len(statements) < len(missing):
        return False  # a table is not what lading defined, which the verification reports
    for statement in statements:
        db.execute(statement)
    return bool(statements)


def _rebuild(db: sqlite3.Connection, before: Verification, *, made: bool) -> Rebuilt:
    if before.checkpoint is None:
        raise _refused(before)
    broken = any(problem.kind is Kind.STRUCTURE for problem in before.problems)
    if broken:
        db.execute("REINDEX")
    with literal_text(db):
        try:
            columns = _rebuild_columns(db)
            tiles = _rebuild_tiles(db, before)
        except InputError:
            raise _refused(before) from None
    return Rebuilt(columns, tiles, made or broken)


def _rebuild_columns(db: sqlite3.Connection) -> int:
    """Let every column say what its leaf says; return how many entries had one that did not."""
    # Two ids may have been swapped, and no id may stand twice for a moment.
    for index, said, columns in _rows(db):
        if columns[0] != said[0]:
            db.execute(_SET_ASIDE, (index,))
    wrong = 0
    for index, said, columns in _rows(db):
        if columns != said:
            db.execute(_SET, (*said, index))
            wrong += 1
    return wrong


def _rows(db: sqlite3.Connection) -> Iterator[tuple[int, list[str | None], list[Any]]]:
    """Go over all entries: index, what the columns should say, and what they say."""
    start: int | None = -(2**63)
    while start is not None:
        page = db.execute(_ROWS, (start, _PAGE)).fetchall()
        for index, leaf, *columns in page:
            public = parse_leaf(leaf)
            yield index, [public.get(name) for name in COLUMNS], columns
        start = page[-1][0] + 1 if len(page) == _PAGE else None


def _rebuild_tiles(db: sqlite3.Connection, before: Verification) -> int:
    """Let the tiles be those over the leaves, if these have the signed root; return how many were not."""
    edge, wrong = Edge(), 0
    for start in range(0, before.size, _PAGE):
        query = "SELECT idx, leaf FROM event WHERE idx >= ? AND idx < ? ORDER BY idx"
        page = db.execute(query, (start, min(start + _PAGE, before.size))).fetchall()
        if [index for index, _ in page] != list(range(start, min(start + _PAGE, before.size))):
            raise _refused(before)
        for _, leaf in page:
            wrong += sum(_write_tile(db, tile) for tile in edge.append(leaf_hash(leaf)))
    if before.checkpoint is None or edge.range.root() != before.checkpoint.root:
        raise _refused(before)
    wrong += sum(_write_tile(db, tile) for tile in edge.partial_tiles())
    return wrong + _delete_strays(db, before.size)


def _write_tile(db: sqlite3.Connection, tile: Tile) -> bool:
    if schema.read_tile(db, tile.level, tile.number) == tile.hashes:
        return False
    db.execute(_UPSERT_TILE, tile)
    return True


def _delete_strays(db: sqlite3.Connection, size: int) -> int:
    places = db.execute("SELECT level, number FROM tile").fetchall()
    strays = [
        (level, number)
        for level, number in places
        if not isinstance(level, int) or not isinstance(number, int) or not tile_width(level, number, size)
    ]
    db.executemany("DELETE FROM tile WHERE level IS ? AND number IS ?", strays)
    return len(strays)


def _demand_whole(after: Verification) -> None:
    if _lasting(after) or after.omitted:
        raise _refused(after)


def _lasting(verification: Verification) -> list[Problem]:
    """Return what is wrong, but for erasures that are not finished."""
    return [problem for problem in verification.problems if problem.kind not in _PASSING]


def _refused(verification: Verification) -> LogTampered:
    """Name what cannot be rebuilt."""
    problems = _lasting(verification)
    lasting = [problem for problem in problems if problem.kind not in _DERIVED]
    what = next((f"{each.where}: {each.message}" for each in lasting or problems), "too much to list")
    more = f", and {len(lasting) - 1} more" if len(lasting) > 1 else ""
    return LogTampered(
        f"the log cannot be repaired, as more is wrong than what is derived from its leaves: {what}{more}",
        remedy="Nothing was changed. Keep the file as it is: 'lading audit verify' says what it shows; restore a "
        "backup elsewhere to compare.",
    )
