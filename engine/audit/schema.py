"""The tables of the audit log, and how its database is opened.

Raw SQLite, because appends are a hot path and because what a verifier reads must be what SQLite stores. All tables
are STRICT; `user_version` is the version of this schema. Version 2 added the indexes that queries need; the writer
brings a log of version 1 up to it, and readers take both.

    meta         origin and verifier key of the log
    event        one row per leaf, its columns repeating the leaf's attributes so that they can be searched
    payload      what may be erased one day, with its salt
    tile         the tree's hashes, 256 to a tile
    checkpoint   the newest signed checkpoint, and every older one that a witness cosigned
    cosignature  the witnesses' signature lines

Any other checkpoint can be made again from the tiles, byte for byte, as Ed25519 signatures are deterministic.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from engine.errors import LadingError, LogTampered, WorkspaceError
from engine.files import sync_folder

SCHEMA_VERSION: Final = 2
"""The version that this release writes."""

READABLE: Final = (1, SCHEMA_VERSION)
"""The versions that this release reads and verifies."""

_VERSION_1: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE event (
    idx INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    time TEXT NOT NULL,
    type TEXT NOT NULL,
    actor TEXT NOT NULL,
    artifact TEXT,
    partner TEXT,
    transfer TEXT,
    agreement TEXT,
    decision TEXT,
    policy TEXT,
    statement TEXT,
    leaf BLOB NOT NULL
) STRICT""",
    "CREATE INDEX event_transfer ON event (transfer) WHERE transfer IS NOT NULL",
    """CREATE TABLE payload (
    idx INTEGER PRIMARY KEY REFERENCES event (idx),
    salt BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT""",
    """CREATE TABLE tile (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID""",
    "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    """CREATE TABLE cosignature (
    size INTEGER NOT NULL REFERENCES checkpoint (size),
    name TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (size, name)
) STRICT, WITHOUT ROWID""",
)

# Each costs an append some percent, actors and artifacts most. `time` has none: it follows the primary key.
_VERSION_2: Final = (
    "CREATE INDEX event_type ON event (type)",
    "CREATE INDEX event_actor ON event (actor)",
    "CREATE INDEX event_artifact ON event (artifact) WHERE artifact IS NOT NULL",
    "CREATE INDEX event_partner ON event (partner) WHERE partner IS NOT NULL",
    "CREATE INDEX event_agreement ON event (agreement) WHERE agreement IS NOT NULL",
    "CREATE INDEX event_decision ON event (decision) WHERE decision IS NOT NULL",
)

_STEPS: Final = (_VERSION_1, _VERSION_2)

ENTRY_ROWS: Final = "SELECT event.idx, leaf, salt, body FROM event LEFT JOIN payload ON payload.idx = event.idx"
"""Selects what `engine.audit.entry.parse_entry` reads."""

_BUSY_SECONDS: Final = 10
_LARGEST_VALUE: Final = 16 * 1024 * 1024


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the log's database for its one writer, and make the file (0600) if there is none.

    The connection is in autocommit mode, in WAL, and synchronous: a commit that returned survives power loss.

    Raises:
        sqlite3.Error, OSError: the file cannot be opened or is no database.
    """
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        sync_folder(path.parent)
    db = _guarded(_connect(path, "rw"))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the log's database without being able to change it, while its writer may be at work.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    return _guarded(_connect(path, "ro"))


def create_tables(db: sqlite3.Connection) -> None:
    """Make tables and indexes, within the caller's transaction."""
    _advance(db, 0, SCHEMA_VERSION)


def upgrade_tables(db: sqlite3.Connection) -> None:
    """Bring the schema of an older release up to this one's, within the caller's transaction; no row changes.

    Raises:
        LogTampered: the schema is not the one that release wrote.
    """
    version = version_of(db)
    if describe(db) != expected(version):
        raise tampered(f"its tables are not those of schema version {version}")
    _advance(db, version, SCHEMA_VERSION)


def describe(db: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Return type, name and definition of everything in the database's schema."""
    rows = db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema")
    return {(str(kind), str(name), str(sql)) for kind, name, sql in rows}


def expected(version: int = SCHEMA_VERSION) -> set[tuple[str, str, str]]:
    """Return what `describe` returns for an untouched log of a readable version."""
    db = sqlite3.connect(":memory:")
    try:
        _advance(db, 0, version)
        return describe(db)
    finally:
        db.close()


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of the database's schema; 0 for an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into this project's own.

    Raises:
        WorkspaceError: the database cannot be opened, read or written now (missing, locked, disk full).
        LogTampered: it is damaged, or no database.
    """
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        raise WorkspaceError(
            f"the audit log {path} cannot be used: {error}",
            remedy="Check that the file exists and that its disk has space, then repeat; nothing is lost.",
        ) from error
    except sqlite3.Error as error:
        raise tampered(f"the file {path} is damaged: {error}") from error


def read_tile(db: sqlite3.Connection, level: int, number: int) -> bytes:
    """Return the hashes of a tile as far as they are stored; nothing if they are not, or are no bytes."""
    row = db.execute("SELECT hashes FROM tile WHERE level = ? AND number = ?", (level, number)).fetchone()
    return row[0] if row and isinstance(row[0], bytes) else b""


def tampered(what: str) -> LogTampered:
    """Return the error for a log that contradicts itself."""
    return LogTampered(
        f"the audit log is damaged: {what}",
        remedy="Run 'lading audit verify', and restore the log from a copy that verifies.",
    )


def wrong_version(path: Path, version: int) -> LadingError:
    """Return the error for a database with another schema than this release reads."""
    return WorkspaceError(
        f"the audit log {path} has schema version {version}, this release reads {readable()}",
        remedy="Use the release of lading that wrote it.",
    )


def readable() -> str:
    """Return the versions that this release reads, in words."""
    return f"versions {' and '.join(map(str, READABLE))}"


def _advance(db: sqlite3.Connection, old: int, new: int) -> None:
    for statement in (statement for step in _STEPS[old:new] for statement in step):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {new}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # Threads share the connection; their callers hold a lock.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _guarded(db: sqlite3.Connection) -> sqlite3.Connection:
    """Make a connection careful with a database that somebody else may have written."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    return db
