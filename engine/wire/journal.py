"""The chunk journal: which chunks of which offers have arrived, and are durable.

Raw SQLite, shared by the owner, who opens and closes transfers, and the listeners, who mark chunks.

    incoming         one row per transfer that was accepted: whose it is, and whether chunks may come
    incoming_chunk   one row per distinct chunk of it, in the order of the offer; `received` is empty while missing

INVARIANTS
- A chunk is marked only after its sealed blob is durable, and the mark is durable when `mark` returns.
- Nothing is marked for a transfer that is not open: the same transaction looks and marks.
- A chunk counts as received for another transfer only if the same peer sent it under the same agreement.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.errors import InputError, WorkspaceError
from engine.events import Clock

SCHEMA_VERSION: Final = 1

_BUSY_SECONDS: Final = 10
_TABLES: Final = (
    """CREATE TABLE incoming (
    transfer TEXT PRIMARY KEY,
    peer TEXT NOT NULL,
    agreement TEXT NOT NULL,
    scope_public BLOB NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE incoming_chunk (
    transfer TEXT NOT NULL REFERENCES incoming (transfer),
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    received REAL,
    UNIQUE (transfer, sha256)
) STRICT""",
    "CREATE INDEX incoming_chunk_held ON incoming_chunk (sha256) WHERE received IS NOT NULL",
)
_INHERIT: Final = """
UPDATE incoming_chunk SET received = :now WHERE transfer = :transfer AND EXISTS (
    SELECT 1 FROM incoming_chunk AS other JOIN incoming AS theirs ON theirs.transfer = other.transfer
    WHERE other.sha256 = incoming_chunk.sha256 AND other.size = incoming_chunk.size AND other.received IS NOT NULL
      AND theirs.scope_public = :scope AND theirs.peer = :peer AND theirs.agreement = :agreement
      AND theirs.state NOT IN ('revoked', 'expired'))
"""
_EXCLUSIVE: Final = """
SELECT mine.sha256 FROM incoming_chunk AS mine JOIN incoming AS me ON me.transfer = mine.transfer
WHERE me.transfer = ? AND NOT EXISTS (
    SELECT 1 FROM incoming_chunk AS other JOIN incoming AS theirs ON theirs.transfer = other.transfer
    WHERE other.sha256 = mine.sha256 AND theirs.transfer != me.transfer
      AND theirs.scope_public = me.scope_public AND theirs.state NOT IN ('revoked', 'expired'))
ORDER BY mine.rowid
"""
_EXPIRE: Final = """
UPDATE incoming SET state = 'expired' WHERE transfer = ? AND state IN ('open', 'expired') AND (state = 'expired'
    OR EXISTS (SELECT 1 FROM incoming_chunk WHERE incoming_chunk.transfer = incoming.transfer AND received IS NULL))
"""


class State(StrEnum):
    """Whether chunks of a transfer are taken."""

    OPEN = "open"
    CLOSED = "closed"
    """Committed: everything is here."""
    REVOKED = "revoked"
    """Policy stopped it."""
    EXPIRED = "expired"
    """Its time was over before everything was here."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One transfer, as far as listeners need to know it.

    Attributes:
        transfer: its id.
        peer: the organization that sends it.
        agreement: digest of the agreement.
        scope_public: public key of the store's scope, 32 bytes.
        state: whether chunks are taken.
    """

    transfer: str
    peer: str
    agreement: str
    scope_public: bytes
    state: State


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a transfer is. Chunks are distinct ones, sizes bytes."""

    chunks: int
    chunks_total: int
    bytes: int
    bytes_total: int


class Journal:
    """The journal in one SQLite file. Any number of processes and threads may use it at once."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the journal, making its tables (and the file, 0600) if there are none.

        Raises:
            WorkspaceError: the file is no database, or a later release of lading made its tables.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        with self._mapped():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def create(
        self, transfer: str, *, peer: str, agreement: str, scope_public: bytes, chunks: Iterable[tuple[str, int]]
    ) -> None:
        """Open a transfer. What this peer delivered before under this agreement counts as received.

        Repeating it is harmless: a transfer that is known stays as it is.

        Args:
            transfer: its id.
            peer: the organization that may send chunks.
            agreement: digest of the agreement.
            scope_public: public key of the store's scope that its chunks are sealed to.
            chunks: SHA-256 and size of each chunk in the order of the chunk map; repetitions are ignored.
        """
        distinct = dict(chunks)
        row = {
            "transfer": transfer,
            "peer": peer,
            "agreement": agreement,
            "scope": scope_public,
            "state": State.OPEN,
            "now": self._now(),
        }
        with self._writing() as db:
            if db.execute("SELECT 1 FROM incoming WHERE transfer = ?", (transfer,)).fetchone():
                return
            db.execute("INSERT INTO incoming VALUES (:transfer, :peer, :agreement, :scope, :state)", row)
            db.executemany(
                "INSERT INTO incoming_chunk (transfer, sha256, size) VALUES (?, ?, ?)",
                ((transfer, sha256, size) for sha256, size in distinct.items()),
            )
            db.execute(_INHERIT, row)

    def find(self, transfer: str) -> Incoming | None:
        """Return a transfer, or None if it is unknown."""
        query = "SELECT transfer, peer, agreement, scope_public, state FROM incoming WHERE transfer = ?"
        rows = self._rows(query, (transfer,))
        if not rows:
            return None
        found, peer, agreement, scope_public, state = rows[0]
        return Incoming(found, peer, agreement, scope_public, State(state))

    def set_state(self, transfer: str, state: State) -> None:
        """Open, close or revoke a transfer. From the next chunk on, listeners act on it."""
        with self._writing() as db:
            db.execute("UPDATE incoming SET state = ? WHERE transfer = ?", (state, transfer))

    def expire(self, transfer: str) -> bool:
        """Take no more chunks of a transfer that lacks some: its time is over. Return False if it is here whole."""
        with self._writing() as db:
            return db.execute(_EXPIRE, (transfer,)).rowcount > 0

    def sizes(self, transfer: str, sha256s: Sequence[str]) -> dict[str, int]:
        """Return the size of those chunks that are still missing; raise for one that the offer does not name.

        Raises:
            InputError: the transfer has no such chunk.
        """
        query = "SELECT size, received FROM incoming_chunk WHERE transfer = ? AND sha256 = ?"
        wanted = {}
        for sha256 in sha256s:
            rows = self._rows(query, (transfer, sha256))
            if not rows:
                raise InputError(f"the offer {transfer} names no chunk {sha256}", remedy="Send only what was offered.")
            size, received = rows[0]
            if received is None:
                wanted[sha256] = size
        return wanted

    def mark(self, transfer: str, sha256s: Iterable[str]) -> bool:
        """Note that chunks are durable in the store. Return False and note nothing if it is not open."""
        now = self._now()
        with self._writing() as db:
            query = "SELECT 1 FROM incoming WHERE transfer = ? AND state = ?"
            if not db.execute(query, (transfer, State.OPEN)).fetchone():
                return False
            db.executemany(
                "UPDATE incoming_chunk SET received = ? WHERE transfer = ? AND sha256 = ? AND received IS NULL",
                ((now, transfer, sha256) for sha256 in sha256s),
            )
        return True

    def forget(self, transfer: str, sha256s: Iterable[str]) -> None:
        """Note that chunks are not there after all: they were discarded, or found damaged."""
        with self._writing() as db:
            db.executemany(
                "UPDATE incoming_chunk SET received = NULL WHERE transfer = ? AND sha256 = ?",
                ((transfer, sha256) for sha256 in sha256s),
            )

    def missing(self, transfer: str) -> list[bool]:
        """Return one bit for each distinct chunk in the order of the offer, set while the chunk is missing."""
        query = "SELECT received IS NULL FROM incoming_chunk WHERE transfer = ? ORDER BY rowid"
        return [bool(row[0]) for row in self._rows(query, (transfer,))]

    def counts(self, transfer: str) -> Counts:
        """Return how far a transfer is; all zeros if it is unknown."""
        query = """SELECT count(received), count(*), coalesce(sum(size) FILTER (WHERE received IS NOT NULL), 0),
        coalesce(sum(size), 0) FROM incoming_chunk WHERE transfer = ?"""
        return Counts(*self._rows(query, (transfer,))[0])

    def exclusive(self, transfer: str) -> list[str]:
        """Return the chunks that no other transfer of the scope relies on: what to discard once it is stopped."""
        return [row[0] for row in self._rows(_EXCLUSIVE, (transfer,))]

    def _prepare(self) -> None:
        with self._mapped():
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
        with self._writing() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _TABLES:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise WorkspaceError(
                    f"{self._path} has chunk journal version {version}, expected {SCHEMA_VERSION}",
                    remedy="Use the release of lading that wrote it, or a later one.",
                )

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._mapped(), self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._mapped(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceError(
                f"the chunk journal {self._path} cannot be used: {error}",
                remedy="Look at the disk and the file's permissions; if it is damaged, restore it from a backup.",
            ) from error

    def _now(self) -> float:
        return self._clock().timestamp()
