"""Removing payloads from a log's database for good, after the log itself says that they are erased."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from engine.audit import schema
from engine.audit.entry import Entry
from engine.audit.erasure import ERASED, Erasure, named_by, named_of, ranges
from engine.audit.log import AuditLog
from engine.audit.reader import LogReader
from engine.audit.schema import tampered
from engine.database.rewriting import rewrite


def remaining(log: AuditLog) -> list[int]:
    """Return the entries whose payloads the log says are erased and that are still there, ascending.

    Raises:
        LogTampered: a `payload.erased` has no payload, or one its leaf does not commit to.
    """
    with log.exclusively() as db:
        erasures = [index for (index,) in db.execute("SELECT idx FROM event WHERE type = ?", (ERASED,))]
        return _still_there(db, [span for index in erasures for span in _named(log.entry(index))])


def erased_later(origin: str, later: Iterable[LogReader]) -> list[Erasure]:
    """Return what the logs that follow one say is erased from it.

    Args:
        origin: of the former log.
        later: the logs that follow it; each was verified, or is by whoever asks.

    Raises:
        LogTampered: a `payload.erased` has no payload, or one its leaf does not commit to.
    """
    return [
        Erasure(first, last, f"entry {index} of {log.origin}")
        for log in later
        for (index,) in log.query("SELECT idx FROM event WHERE type = ? ORDER BY idx", ERASED)
        for first, last in named_of(origin, _checked(log.entry(index)).payload or {})
    ]


def remaining_of(path: Path, erasures: Iterable[Erasure]) -> list[int]:
    """Return the entries of a former log that later ones say are erased and whose payloads are still there, ascending.

    Args:
        path: the former log's database.
        erasures: as `erased_later` returns them.

    Raises:
        WorkspaceError, LogTampered: the database cannot be read.
    """
    with schema.mapped(path), closing(schema.open_reader(path)) as db:
        return _still_there(db, [(each.first, each.last) for each in erasures])


def _still_there(db: sqlite3.Connection, spans: Iterable[tuple[int, int]]) -> list[int]:
    query = "SELECT idx FROM payload WHERE idx BETWEEN ? AND ?"
    return sorted({index for span in spans for (index,) in db.execute(query, span)})


def _named(entry: Entry) -> list[tuple[int, int]]:
    return list(named_by(entry.index, _checked(entry).payload or {}))


def _checked(entry: Entry) -> Entry:
    if entry.type != ERASED or entry.payload is None:
        raise tampered(f"entry {entry.index} should be a {ERASED} with its payload")
    return entry


def remove_payloads(log: AuditLog, path: Path, indices: Iterable[int]) -> None:
    """Remove payloads and salts, and rewrite the file so that none of their bytes is left in it.

    INVARIANT: only what a durable `payload.erased` names is removed; the caller has recorded it.

    Args:
        log: the log, open for appending; appends wait.
        path: its database.
        indices: which entries; those that have no payload any more are passed over.

    Raises:
        WorkspaceError: somebody keeps reading the old pages, or the disk is full; to be repeated.
    """
    with log.exclusively() as db:
        _remove(db, path, indices)


def remove_payloads_of(path: Path, indices: Iterable[int]) -> None:
    """Remove payloads and salts from a former log, as `remove_payloads` does from the one that is written.

    INVARIANT: only what a durable `payload.erased` of a later log names is removed; the caller has recorded it.

    Args:
        path: the former log's database, which nobody appends to.
        indices: which entries; those that have no payload any more are passed over.

    Raises:
        WorkspaceError, LogTampered: as `remove_payloads`, or the database cannot be opened.
    """
    with schema.mapped(path), closing(schema.open_writer(path)) as db:
        _remove(db, path, indices)


def _remove(db: sqlite3.Connection, path: Path, indices: Iterable[int]) -> None:
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("DELETE FROM payload WHERE idx BETWEEN ? AND ?", ranges(indices))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    rewrite(db, path)
