"""A database that a screen follows while its owner writes it, and values taken as the type they must have."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


class FollowedDatabase:
    """A database that is opened read-only once it is there, and anew when the file was replaced.

    All methods raise `sqlite3.Error` when the file is there but cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever somebody wrote to the database (microseconds)."""
        connection = self._open()
        return (self._file, connection and connection.execute("PRAGMA data_version").fetchone()[0])

    def rows(self, query: str, *parameters: object, tables: Sequence[str]) -> list[sqlite3.Row]:
        """Return what a query finds; nothing while the file or one of the tables is missing."""
        connection = self._open()
        if connection is None:
            return []
        known = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        return connection.execute(query, parameters).fetchall() if known.issuperset(tables) else []

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._file = None, None

    def _open(self) -> sqlite3.Connection | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        if self._file != (status.st_dev, status.st_ino):
            self.close()
            self._connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
            self._connection.row_factory = sqlite3.Row
            self._file = (status.st_dev, status.st_ino)
        return self._connection


def text(value: object) -> str:
    """Take a value as text: empty where it is none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """Take a value as a number of things: 0 where it is none."""
    return max(0, int(value)) if isinstance(value, int | float) and value == value and abs(value) < _HUGE else 0  # noqa: PLR0124 - NaN


def moment(value: object) -> datetime:
    """Take a value as a moment in Unix seconds: 1970 where it is none."""
    try:
        return datetime.fromtimestamp(value if isinstance(value, int | float) else 0, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


_HUGE = 2.0**63
