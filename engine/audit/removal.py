"""Removing payloads from a log's database for good, after the log itself says that they are erased."""

from collections.abc import Iterable
from pathlib import Path

from engine.audit.entry import Entry
from engine.audit.erasure import ERASED, named_by, ranges
from engine.audit.log import AuditLog
from engine.audit.schema import tampered
from engine.database.rewriting import rewrite


def remaining(log: AuditLog) -> list[int]:
    """Return the entries whose payloads the log says are erased and that are still there, ascending.

    Raises:
        LogTampered: a `payload.erased` has no payload, or one its leaf does not commit to.
    """
    with log.exclusively() as db:
        erasures = [index for (index,) in db.execute("SELECT idx FROM event WHERE type = ?", (ERASED,))]
        spans = [span for index in erasures for span in _named(log.entry(index))]
        query = "SELECT idx FROM payload WHERE idx BETWEEN ? AND ?"
        return sorted({index for span in spans for (index,) in db.execute(query, span)})


def _named(entry: Entry) -> list[tuple[int, int]]:
    if entry.type != ERASED or entry.payload is None:
        raise tampered(f"entry {entry.index} should be a {ERASED} with its payload")
    return list(named_by(entry.index, entry.payload))


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
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM payload WHERE idx BETWEEN ? AND ?", ranges(indices))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        rewrite(db, path)
