"""Leaving nothing of deleted rows in a SQLite file: a new file of what is left, and no write-ahead log.

Deleting a row marks its bytes as free; they stay in the page, in older copies of the page and in the write-ahead
log. `rewrite` has SQLite write every page anew, from the rows that are there, and empties the log.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from engine.errors import WorkspaceError

PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.1
_BUSY_SECONDS: Final = 10.0


def rewrite_file(path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Rewrite a database file; see `rewrite`.

    Raises:
        WorkspaceError: as `rewrite`, or it cannot be opened.
    """
    try:
        location = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(location, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            rewrite(db, path, patience_seconds=patience_seconds)
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"{path} cannot be rewritten: {error}",
            remedy="Check the disk: it needs as much free space as the file has. Then run the command again.",
        ) from error


def rewrite(db: sqlite3.Connection, path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Write a database anew without anything that was deleted, and empty its write-ahead log.

    Args:
        db: a connection to it in autocommit mode, which nobody else uses meanwhile.
        path: the file, for messages.
        patience_seconds: how long to wait for readers of the old pages.

    Raises:
        WorkspaceError: somebody reads or writes it all the time; the old bytes are still there.
        sqlite3.Error: the disk is full, or the file is damaged.
    """
    deadline = time.monotonic() + patience_seconds
    _until(deadline, path, lambda: _vacuumed(db))
    _until(deadline, path, lambda: _emptied(db))


def _until(deadline: float, path: Path, done: Callable[[], bool]) -> None:
    while not done():
        if time.monotonic() >= deadline:
            raise WorkspaceError(
                f"{path} is in use, and its old pages cannot be let go of",
                remedy="Stop what reads it ('lading tui', 'lading audit verify', a backup), and run the command again.",
            )
        time.sleep(_PAUSE_SECONDS)


def _vacuumed(db: sqlite3.Connection) -> bool:
    try:
        db.execute("VACUUM")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return False
        raise
    return True


def _emptied(db: sqlite3.Connection) -> bool:
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
