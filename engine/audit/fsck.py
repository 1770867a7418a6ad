"""Comparing everything that is derived from a log with what it is derived from.

Derived are the columns and indexes of the database, its tiles, the full-text index, and the milestone. Each is
computed again and compared; what is not derived (leaves, payloads, checkpoints, cosignatures) is verified as
`engine.audit.verify` does, because nothing can be compared with leaves that are not the signed ones.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.audit import schema
from engine.audit.checkpoint import open_checkpoint
from engine.audit.milestone import read_milestone
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.search import SearchIndex
from engine.audit.tiles import TileTree
from engine.audit.verification import Kind, Problem, Verification
from engine.audit.verify import verify
from engine.errors import LadingError

Steps = Callable[[str, int, int], None]
"""Told the name of a step, how many entries are done in it, and how many there are."""

_COUNTED: Final = {
    "entries": "SELECT count(*) FROM event",
    "tiles": "SELECT count(*) FROM tile",
    "checkpoints": "SELECT count(*) FROM checkpoint",
    "indexes": "SELECT count(*) FROM sqlite_schema WHERE type = 'index'",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What is derived from a log and kept beside its database.

    Attributes:
        search: the full-text index.
        milestone: up to where the log was verified in full.
    """

    search: Path
    milestone: Path


@dataclass(frozen=True, slots=True)
class Fsck:
    """The outcome of comparing.

    Attributes:
        verification: the log's own, with the problems of what is derived from it.
        compared: how many of what were compared: entries, tiles, checkpoints, indexes.
    """

    verification: Verification
    compared: dict[str, int]


def fsck(
    path: Path,
    beside: Beside,
    *,
    key: NoteKey,
    remembered: Iterable[bytes] = (),
    witnesses: Iterable[NoteKey] = (),
    progress: Steps = lambda _step, _done, _total: None,
) -> Fsck:
    """Compute everything derived from a log again and compare, also while its owner appends; change nothing.

    Args:
        path: the log's database.
        beside: what is kept beside it.
        key: the log's key, pinned outside the database.
        remembered: signed checkpoints of this log that were seen before.
        witnesses: the pinned keys of every witness whose cosignatures the log may hold.
        progress: told how far it is.

    Raises:
        WorkspaceError: the full-text index is there and cannot be opened by this user.
    """
    known, why = known_milestone(beside.milestone, key)
    verification = verify(
        path,
        key=key,
        remembered=(*remembered, *([known] if known else [])),
        witnesses=witnesses,
        progress=lambda done, total: progress("verifying", done, total),
    )
    found = [Problem(Kind.MILESTONE, str(beside.milestone), why)] if why else []
    if not any(problem.kind in {Kind.FILE, Kind.SCHEMA} for problem in verification.problems):
        found += _roots(path, key)
    found += search_problems(path, beside.search, lambda done, total: progress("searching", done, total))
    return Fsck(replace(verification, problems=(*verification.problems, *found)), _counts(path))


def known_milestone(path: Path, key: NoteKey) -> tuple[bytes | None, str]:
    """Return the signed checkpoint of the milestone; None if there is none, and with it what is wrong with it.

    A checkpoint that the log signed is evidence, even one that contradicts the log: the caller compares it.
    """
    try:
        milestone = read_milestone(path, key.name)
        if milestone is not None:
            open_checkpoint(milestone.note, [key])
    except (LadingError, OSError) as error:
        return None, str(error)
    return (milestone.note if milestone else None), ""


def search_problems(path: Path, index: Path, progress: Callable[[int, int], None]) -> list[Problem]:
    """Compare the full-text index with the log, if there is one.

    Raises:
        WorkspaceError: it cannot be opened by this user.
    """
    if not index.exists():
        return []
    try:
        log = LogReader(path)
    except LadingError as error:
        return [Problem(Kind.SEARCH, index.name, f"cannot be compared: {error}")]
    with log:
        return [Problem(Kind.SEARCH, index.name, each) for each in SearchIndex(index, log).check(progress)]


def _roots(path: Path, key: NoteKey) -> list[Problem]:
    """Compare the root of every stored checkpoint with the one that the tiles have."""
    found = []
    with suppress(sqlite3.Error), closing(schema.open_reader(path)) as db:
        db.execute("BEGIN")
        tree = TileTree(lambda level, number: schema.read_tile(db, level, number))
        for size, note in db.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall():
            with suppress(LadingError):  # a checkpoint that does not verify, and a tile too short, were reported
                checkpoint = open_checkpoint(note, [key]).checkpoint
                if tree.root(checkpoint.size) != checkpoint.root:
                    found.append(Problem(Kind.TILE, f"checkpoint {size}", "the tiles have another root than it"))
    return found


def _counts(path: Path) -> dict[str, int]:
    with suppress(sqlite3.Error), closing(schema.open_reader(path)) as db:
        return {name: int(db.execute(query).fetchone()[0]) for name, query in _COUNTED.items()}
    return dict.fromkeys(_COUNTED, 0)
