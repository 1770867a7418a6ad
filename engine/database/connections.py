"""Open SQLite files for the one process that writes them, and for the many that read."""

import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from engine.errors import WorkspaceError

_WRITER_PRAGMAS: Final = (
    "busy_timeout = 10000",  # milliseconds; first, because switching to WAL may have to wait too
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)
_READER_PRAGMAS: Final = ("busy_timeout = 10000", "query_only = ON", "trusted_schema = OFF")


def open_engine(path: Path) -> Engine:
    """Open a database for writing; create it, private to its owner, if it is missing.

    Every transaction begins IMMEDIATE: a writer waits for its turn at the start, up to 10 s, and never finds out
    in the middle that another was faster.

    Args:
        path: the SQLite file. An existing one is made private (0600) too.

    Raises:
        WorkspaceError: the file cannot be created or is no regular file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("it is no regular file")
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unusable(path, error) from None
    engine = _sqlite(path, "rw", _WRITER_PRAGMAS)

    @event.listens_for(engine, "begin")
    def _take_turn(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def open_read_only(path: Path) -> Engine:
    """Open a database that another process may be writing, for reading only.

    Each transaction sees one moment of it.

    Raises:
        WorkspaceError: there is no such file.
    """
    if not path.is_file():
        raise _unusable(path, FileNotFoundError("there is no such file"))
    engine = _sqlite(path, "ro", _READER_PRAGMAS)

    @event.listens_for(engine, "begin")
    def _keep_snapshot(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _sqlite(path: Path, mode: str, pragmas: Sequence[str]) -> Engine:
    location = "file:" + quote(str(path.absolute()))
    engine = create_engine(URL.create("sqlite", database=location, query={"mode": mode, "uri": "true"}))

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver would begin transactions by itself, but not before CREATE TABLE: migrations would be torn.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _unusable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"the database {path} cannot be opened: {error.strerror or error}",
        remedy="Check the path, its permissions and the free space.",
    )
