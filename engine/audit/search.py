"""The full-text index beside the log: derived, disposable, never evidence.

A SQLite database (0600) with an FTS5 table of the words of every entry (`engine.audit.query.words`), a row per entry
under its index. Whoever wants to search brings it up to date first; several processes may do so at once, as each
batch is one transaction that begins where the last one ended. It names the log it was made of by origin, key and
the leaf hash of its last entry; an index of another log, or of another version of this module, is made anew.

INVARIANT: what an entry's payload said is in the index only while the payload is in the log: `forget` takes words out
so that neither the file nor its write-ahead log holds them any more. The index of FTS5 cannot forget by a
tombstone, so it is rebuilt from the rows that are left, which every release of SQLite can.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from engine.audit.entry import Entry, parse_entry
from engine.audit.merkle import leaf_hash
from engine.audit.query.words import document
from engine.audit.reader import LogReader
from engine.database.rewriting import rewrite
from engine.errors import LadingError, WorkspaceError

VERSION: Final = "1"

ATTACHED: Final = "search"
"""The name under which statements of `engine.audit.query.sql` find the index."""

TABLES: Final = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE VIRTUAL TABLE words USING fts5 (body, tokenize = 'ascii', detail = 'full')",
)

DIFFERENCE_LIMIT: Final = 1000
"""How many differences `SearchIndex.check` returns at most."""

Progress = Callable[[int, int], None]
"""Told how many entries are done, and how many there are."""

_BATCH: Final = 1000
_BUSY_SECONDS: Final = 30.0
_INDEXED: Final = "event.idx >= ? AND event.idx < ? ORDER BY event.idx"


def drop_index(path: Path) -> None:
    """Delete an index with its log; whoever searches next makes it anew. Where there is none, nothing happens.

    Raises:
        OSError: a file cannot be deleted.
    """
    # INVARIANT: the database goes first, as an old write-ahead log would be read into a new one.
    for file in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
        file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _State:
    """What an index says of itself: the log it is of, and how far it goes."""

    origin: str
    key: str
    next: int
    last: str

    def pairs(self) -> list[tuple[str, str]]:
        return [
            ("version", VERSION),
            ("origin", self.origin),
            ("key", self.key),
            ("next", str(self.next)),
            ("last", self.last),
        ]


class SearchIndex:
    """The full-text index of one log.

    Args:
        path: the index's database, made when somebody first wants to search.
        log: the log, through a reader of its own for as long as the index is used.
    """

    def __init__(self, path: Path, log: LogReader) -> None:
        self._path = path
        self._log = log

    def catch_up(self, size: int, progress: Progress = lambda _done, _total: None) -> None:
        """Index every entry below `size` that is not indexed yet.

        Entries whose payload cannot be read are indexed by what their leaf says, or not at all.

        Args:
            size: up to where.
            progress: told how many of the missing entries are done, and how many there are.

        Raises:
            WorkspaceError: the index cannot be written by this user, or its disk is full.
        """
        with self._opened() as db:
            first = self._begin(db)
            at = first
            while at < size:
                at = self._add(db, min(size, at + _BATCH))
                progress(min(at, size) - first, size - first)

    def attach(self, size: int) -> bool:
        """Attach the index to the log's reader, for conditions; say whether it is of this log and complete."""
        with suppress(LadingError, sqlite3.Error):
            if not self._path.exists():
                return False
            if any(name == ATTACHED for _, name, _ in self._log.query("PRAGMA database_list")):
                self._log.query("DETACH search")  # the file may be another one by now
            self._log.attach(self._path, ATTACHED)
            state = _read_state(self._log.query("SELECT name, value FROM search.state"))
            return state is not None and self._is_ours(state) and state.next >= size
        return False

    def check(self, progress: Progress = lambda _done, _total: None) -> list[str]:
        """Compare the index with the log, row by row; return what differs, an empty list when nothing does.

        Rows are read by the page. At most `DIFFERENCE_LIMIT` differences are returned.

        Raises:
            WorkspaceError: there is an index that cannot be opened.
        """
        if not self._path.exists():
            return []
        try:
            with self._opened(make=False) as db:
                return list(islice(self._differences(db, progress), DIFFERENCE_LIMIT))
        except WorkspaceError as error:
            if isinstance(error.__cause__, sqlite3.DatabaseError):
                return [f"the search index is damaged: {error.__cause__}"]
            raise

    def forget(self, indices: Iterable[int]) -> None:
        """Take the words of erased payloads out of the index, and leave none of their bytes in its files.

        Call it after the payloads are gone from the log. Repeating it does no harm.

        Raises:
            WorkspaceError: somebody keeps reading the old pages, or the disk is full; to be repeated.
        """
        if not self._path.exists():
            return
        with self._opened(make=False) as db:
            if not _is_whole(db):
                self._make_anew(db)
            else:
                with _transaction(db):
                    for index in sorted(set(indices)):
                        self._forget_one(db, index)
                    db.execute("INSERT INTO words (words) VALUES ('rebuild')")
            rewrite(db, self._path)

    def _forget_one(self, db: sqlite3.Connection, index: int) -> None:
        held = db.execute("DELETE FROM words WHERE rowid = ?", (index,)).rowcount
        if not held:
            return
        with suppress(LadingError):
            public = self._log.entry(index).public
            db.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (index, document(public, None)))

    def _begin(self, db: sqlite3.Connection) -> int:
        """Return the first index to add, having made the tables or made them anew."""
        with _transaction(db):
            state = _state(db)
            if state is not None and self._is_ours(state):
                return state.next
            self._make_anew(db)
            return 0

    def _make_anew(self, db: sqlite3.Connection) -> None:
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE name IN ('words', 'state')").fetchall():
            db.execute(f"DROP TABLE {name}")
        for statement in TABLES:
            db.execute(statement)
        self._write_state(db, 0, "")

    def _add(self, db: sqlite3.Connection, stop: int) -> int:
        """Index the next entries in one transaction; another process may have done it meanwhile."""
        with _transaction(db):
            state = _state(db)
            if state is None or not self._is_ours(state):
                self._make_anew(db)
                return 0
            if state.next >= stop:
                return state.next
            entries = [_entry(*row) for row in self._log.select(_INDEXED, [state.next, stop], stop - state.next)]
            rows = [(one.index, document(one.public, one.payload)) for one in entries if one is not None]
            db.executemany("INSERT INTO words (rowid, body) VALUES (?, ?)", rows)
            self._write_state(db, stop, self._leaf_hash(stop - 1))
            return stop

    def _is_ours(self, state: _State) -> bool:
        if (state.origin, state.key) != (self._origin, self._key):
            return False
        return state.next == 0 or (state.last != "" and state.last == self._leaf_hash(state.next - 1))

    def _leaf_hash(self, index: int) -> str:
        rows = self._log.rows(index, 1)
        return leaf_hash(rows[0].leaf).hex() if rows and rows[0].index == index else "missing"

    def _differences(self, db: sqlite3.Connection, progress: Progress) -> Iterator[str]:
        state = _state(db)
        if state is None or not self._is_ours(state):
            yield "the search index is of another log or another release: it will be made anew"
            return
        try:
            db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError:
            yield "the search index contradicts its own rows"
        db.execute("BEGIN")  # somebody may be adding to it
        state = _state(db) or state
        for start in range(0, state.next, _BATCH):
            stop = min(start + _BATCH, state.next)
            held = dict(db.execute("SELECT rowid, body FROM words WHERE rowid >= ? AND rowid < ?", (start, stop)))
            for row in self._log.select(_INDEXED, [start, stop], _BATCH):
                entry = _entry(*row)
                if entry is not None and held.pop(entry.index, None) != document(entry.public, entry.payload):
                    yield f"the search index has other words for entry {entry.index} than the log"
            for index in sorted(held):
                yield f"the search index has a row {index} that no entry has"
            progress(stop, state.next)
        for (index,) in db.execute("SELECT rowid FROM words WHERE rowid < 0 OR rowid >= ?", (state.next,)):
            yield f"the search index has a row {index} that no entry has"

    @property
    def _origin(self) -> str:
        return self._pinned()["origin"]

    @property
    def _key(self) -> str:
        return self._pinned()["key"]

    def _pinned(self) -> dict[str, str]:
        meta = {str(name): str(value) for name, value in self._log.query("SELECT name, value FROM main.meta")}
        return {name: meta.get(name, "") for name in ("origin", "key")}

    def _write_state(self, db: sqlite3.Connection, following: int, last: str) -> None:
        state = _State(self._origin, self._key, following, last)
        db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", state.pairs())

    @contextmanager
    def _opened(self, *, make: bool = True) -> Iterator[sqlite3.Connection]:
        """Open the index for writing; a file that is no database is made anew, as it is disposable."""
        try:
            if make:
                _make_file(self._path)
            with closing(_connect(self._path)) as db:
                yield db
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceError(
                f"the search index {self._path} cannot be used: {error}",
                remedy="Check its permissions and the free space, or delete it: it is made again from the log.",
            ) from error


def _connect(path: Path) -> sqlite3.Connection:
    location = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(location, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _make_file(path: Path) -> None:
    """Make an empty file (0600) where there is none, or none that SQLite can read."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            head = file.read(16)
        if head in {b"", b"SQLite format 3\0"}:
            return
        path.unlink()
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _is_whole(db: sqlite3.Connection) -> bool:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE name IN ('words', 'state')")}
    return names == {"words", "state"}


def _state(db: sqlite3.Connection) -> _State | None:
    return _read_state(db.execute("SELECT name, value FROM state").fetchall()) if _is_whole(db) else None


def _read_state(rows: list[tuple[Any, Any]]) -> _State | None:
    """Return what an index says of itself; None if it is another version's, or says nothing that can be read."""
    found = {str(name): str(value) for name, value in rows}
    try:
        state = _State(found["origin"], found["key"], int(found["next"]), found["last"])
    except (KeyError, ValueError):
        return None
    return state if found.get("version") == VERSION and state.next >= 0 else None


def _entry(row: Any, salt: object, body: object) -> Entry | None:
    """Read an entry for its words: without its payload if that cannot be read, None if its leaf cannot."""
    for given in ((salt, body), (None, None)):
        with suppress(LadingError):
            return parse_entry((row.index, row.leaf, *given))
    return None
