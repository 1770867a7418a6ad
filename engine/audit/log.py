"""The audit log's one writer: events go in, and what comes out survives kill -9 and power loss.

Callers in several threads share commits: whoever comes first commits for all that wait, with one transaction and
one signed checkpoint, and wakes them. The log's head is kept in memory, and taken up again from the database whenever
that is not sure to be the same.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import schema
from engine.audit.batch import Batch, Request
from engine.audit.checkpoint import Checkpoint, demand_cosigned_within
from engine.audit.entry import COLUMNS, SALT_SIZE, Entry, Sealed, parse_entry, parse_leaf, seal
from engine.audit.erasure import ERASED, named_by
from engine.audit.head import Head, demand_proof, load_head
from engine.audit.merkle import EMPTY_ROOT, leaf_hash
from engine.audit.note import NoteKey, NoteSigner, open_note, parse_signature, split_note
from engine.audit.reader import LogReader
from engine.audit.tiles import TileTree
from engine.errors import InputError, LadingError, LogTampered, WorkspaceError
from engine.events import SKEW, Clock, Event, Recorded, timestamp

_PATIENCE_SECONDS: Final = 0.5
"""How long a caller trusts whoever came first to commit for it; that one may have been interrupted."""

_INSERT_EVENT: Final = f"INSERT INTO event VALUES (?{', ?' * (len(COLUMNS) + 1)})"  # noqa: S608 - question marks
_UPSERT_TILE: Final = (
    "INSERT INTO tile VALUES (?, ?, ?) ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"
)
_FORGET_CHECKPOINT: Final = "DELETE FROM checkpoint WHERE size = ? AND size NOT IN (SELECT size FROM cosignature)"


class AuditLog:
    """An audit log, opened by the process that owns the workspace. Implements `engine.events.Recorder`.

    Args:
        path: the database, made with an empty log if there is none.
        origin: the log's name, `<organization>/lading/audit/<n>`.
        key: signs the checkpoints.
        pseudonym_key: turns identities into pseudonyms.
        source: the CloudEvents source of every event recorded here.
        clock: tells the time that entries get.

    Raises:
        WorkspaceError: the database cannot be opened, or belongs to another log, key or release.
        LogTampered: the newest checkpoint does not verify or does not fit what is stored.
    """

    def __init__(
        self,
        path: Path,
        *,
        origin: str,
        key: Ed25519PrivateKey,
        pseudonym_key: bytes,
        source: str,
        clock: Clock,
    ) -> None:
        self._path = path
        self._signer = NoteSigner(origin, key)
        self._pseudonym_key = pseudonym_key
        self._source = source
        self._clock = clock
        self._queue: list[Request] = []
        self._queue_lock = threading.Lock()
        self._commit_lock = threading.Lock()
        self._head: Head | None = None
        with schema.mapped(path):
            self._db = schema.open_writer(path)
            try:
                with self._transaction():
                    self._set_up()
                    self._head = load_head(self._db, self.key)
                self._reader = LogReader(path)
            except BaseException:
                self._db.close()
                raise

    @property
    def key(self) -> NoteKey:
        """The public key that verifies this log's checkpoints."""
        return self._signer.key

    @property
    def reader(self) -> LogReader:
        """The same log, to be read."""
        return self._reader

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self._reader.size

    def record(self, event: Event) -> Recorded:
        """Append one event, or find it again by its id. Durable when it returns.

        Raises:
            LogTampered: another event stands under the same id, or the log is damaged.
            InputError: the event cannot be written as a leaf.
            WorkspaceError: the disk is full, or the clock is behind the newest entry; nothing was recorded.
        """
        return self.record_many([event])[0]

    def record_many(self, events: Sequence[Event]) -> list[Recorded]:
        """Append several events in one durable step, in order: all of them, or none.

        Raises:
            LogTampered, InputError, WorkspaceError: as `record`.
        """
        request = Request(events)
        with self._queue_lock:
            self._queue.append(request)
            leads = len(self._queue) == 1
        if leads or not request.done.wait(_PATIENCE_SECONDS):
            self._lead(request)
        if request.error is not None:
            raise request.error
        return request.recorded

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint with all cosignatures held for it."""
        return self._reader.newest_checkpoint()

    def cosigned_checkpoint(self, witness: str) -> bytes | None:
        """Return the newest checkpoint that a witness cosigned; see `LogReader.cosigned_checkpoint`."""
        return self._reader.cosigned_checkpoint(witness)

    def tile(self, level: int, number: int, width: int) -> bytes | None:
        """Return a tile of hashes; see `LogReader.tile`."""
        return self._reader.tile(level, number, width)

    def prove(self, index: int, size: int) -> list[bytes]:
        """Return an entry's inclusion proof; see `LogReader.prove`."""
        return self._reader.prove(index, size)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log only grew; see `LogReader.prove_consistency`."""
        return self._reader.prove_consistency(old, new)

    def entry(self, index: int) -> Entry:
        """Return one entry; see `LogReader.entry`."""
        return self._reader.entry(index)

    def find(self, event_id: str) -> Entry | None:
        """Return the entry of an event, if it was recorded; see `LogReader.find`."""
        return self._reader.find(event_id)

    def of_transfer(self, transfer: str) -> list[Entry]:
        """Return a transfer's entries in order; see `LogReader.of_transfer`."""
        return self._reader.of_transfer(transfer)

    def decisions(self, transfer: str, most: int) -> list[Entry]:
        """Return the newest decisions about a transfer; see `LogReader.decisions`."""
        return self._reader.decisions(transfer, most)

    def add_cosignature(self, size: int, lines: bytes, *witnesses: NoteKey) -> None:
        """Keep the cosignatures of witnesses of the checkpoint at `size`; the first one of each witness stays.

        Args:
            size: the size of the checkpoint that was cosigned, any that this log once had.
            lines: what a witness answered, one or more signature lines; others' lines are passed over.
            witnesses: pinned keys, one of which must have signed.

        Raises:
            InputError: the lines are malformed, or the log never had that size.
            BadSignature: no witness signed this log's checkpoint at that size, or one says that it did at a time when
                it cannot have.
        """
        with self._commit_lock, schema.mapped(self._path), self._transaction():
            known = self._current_head().edge.range.size
            if not 0 <= size <= known:
                raise InputError(
                    f"a cosignature is of {size} entries, the audit log has {known}",
                    remedy="Ask the witness to cosign this log's own checkpoint.",
                )
            note = self._sign(size, self._tree().root(size))
            signatures = open_note(note + lines, witnesses).signatures
            by_key = {parse_signature(line)[:2]: f"{line}\n" for line in reversed(split_note(note + lines)[1])}
            self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (size, note))
            for signed in signatures:
                demand_cosigned_within(signed, size, self._time_of(size - 1), self._clock())
                kept = (size, signed.key.name, by_key[signed.key.name, signed.key.id])
                self._db.execute("INSERT OR IGNORE INTO cosignature VALUES (?, ?, ?)", kept)

    def _time_of(self, index: int) -> datetime:
        """Return when an entry was recorded; long ago before the first."""
        row = self._db.execute("SELECT time FROM event WHERE idx = ?", (index,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else datetime(1970, 1, 2, tzinfo=UTC)

    @contextmanager
    def exclusively(self) -> Iterator[sqlite3.Connection]:
        """Lend the log's database, outside any transaction, while appends wait; what was kept of it is read again.

        Raises:
            WorkspaceError, LogTampered: the database cannot be used; see `engine.audit.schema.mapped`.
        """
        with self._commit_lock, schema.mapped(self._path):
            self._head = None
            yield self._db
            self._reader.forget_tiles()

    def close(self) -> None:
        """Close the database. What was recorded is durable already."""
        with self._commit_lock:
            self._reader.close()
            self._db.close()

    def __enter__(self) -> Self:
        """Return the log, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def _set_up(self) -> None:
        """Make the tables in an empty database, or make sure that they are this log's."""
        version = schema.version_of(self._db)
        if version == 0 and not schema.describe(self._db):
            schema.create_tables(self._db)
            pinned = [("origin", self.key.name), ("key", self.key.vkey)]
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", pinned)
            self._db.execute("INSERT INTO checkpoint VALUES (0, ?)", (self._sign(0, EMPTY_ROOT),))
        elif version not in schema.READABLE:
            raise schema.wrong_version(self._path, version)
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        for name, expected in (("origin", self.key.name), ("key", self.key.vkey)):
            if found.get(name) != expected:
                raise WorkspaceError(
                    f"the audit log {self._path} has the {name} {found.get(name)!a}, expected {expected}",
                    remedy="Open the log with the settings and the key it was made with.",
                )
        if version in schema.READABLE[:-1]:
            schema.upgrade_tables(self._db)

    def _lead(self, request: Request) -> None:
        """Commit for all that wait, once the commit that runs now is done; nothing if somebody did it meanwhile."""
        with self._commit_lock:
            if not request.done.is_set():
                with self._queue_lock:
                    waiting, self._queue = self._queue, []
                self._commit(waiting)

    def _commit(self, waiting: Sequence[Request]) -> None:
        """Append everything that waits in one transaction; a request that cannot be met fails alone."""
        outcome: Exception | None = WorkspaceError(
            "the commit was interrupted", remedy="Repeat the command; what was recorded is found again."
        )
        try:
            with schema.mapped(self._path), self._transaction():
                ids = [event.id for request in waiting for event in request.events]
                batch = Batch(self._current_head().copy(), self._known(ids))
                for request in waiting:
                    self._stage(request, batch)
                if batch.entries:
                    self._write(batch)
            self._head, outcome = batch.head, None
        except Exception as error:  # noqa: BLE001 - it is raised in the thread of every caller
            outcome = error
        finally:
            for request in waiting:
                request.error = request.error or outcome
                request.done.set()

    def _stage(self, request: Request, batch: Batch) -> None:
        before = len(batch.entries)
        try:
            request.recorded = [self._place(event, batch) for event in request.events]
        except LadingError as error:
            batch.cut(before)
            request.error = error

    def _place(self, event: Event, batch: Batch) -> Recorded:
        """Find the event by its id, or add it to the batch."""
        found = self._recorded(event.id, batch)
        if found is None:
            batch.moment = batch.moment or self._moment(batch.head.time)
            fresh = self._seal(event, batch.moment, secrets.token_bytes(SALT_SIZE))
            return Recorded(batch.add(fresh), event.id, known=False)
        index, time, salt, leaf = found
        again = self._seal(event, time, salt or bytes(SALT_SIZE))
        if again.leaf != leaf and (salt is not None or not _same_but_erased(again, leaf)):
            raise LogTampered(
                f"event {event.id} ({event.type}) was recorded before, as entry {index}, and said something else",
                remedy="Look at the entry with 'lading audit show'; a step must not change when it is repeated.",
            )
        return Recorded(index, event.id, known=True)

    def _known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return which of some ids may have been recorded, with one look at the index."""
        query = "SELECT id FROM event WHERE id IN (SELECT value FROM json_each(?))"
        found = {row[0] for row in self._db.execute(query, (json.dumps(ids),))}
        return frozenset(found | {each for each in ids if "\0" in each})  # SQLite's JSON ends a text at a NUL

    def _recorded(self, event_id: str, batch: Batch) -> tuple[int, str, bytes | None, bytes] | None:
        """Return index, time, salt and leaf of an event that has its place already; no salt if it was erased."""
        size = batch.head.edge.range.size
        position = batch.positions.get(event_id)
        if position is not None:
            known = batch.entries[position]
            return size + position, known.public["time"], known.salt, known.leaf
        if event_id not in batch.known:
            return None
        row = self._db.execute(f"{schema.ENTRY_ROWS} WHERE event.id = ?", (event_id,)).fetchone()
        if row is None:
            return None
        entry = parse_entry(row)
        if entry.salt is None and not self._was_erased(entry.index):
            raise schema.tampered(f"the payload of entry {entry.index} is missing")
        head = Checkpoint(self.key.name, size, batch.head.edge.range.root())
        demand_proof(entry.index, entry.leaf, head, self._tree().prove_inclusion)
        return entry.index, entry.time, entry.salt, entry.leaf

    def _was_erased(self, index: int) -> bool:
        rows = self._db.execute(f"{schema.ENTRY_ROWS} WHERE event.type = ? AND event.idx > ?", (ERASED, index))
        spans = (span for entry in map(parse_entry, rows) for span in named_by(entry.index, entry.payload or {}))
        return any(first <= index <= last for first, last in spans)

    def _write(self, batch: Batch) -> None:
        head = batch.head
        start = head.edge.range.size
        numbered = list(enumerate(batch.entries, start))
        self._db.executemany(
            _INSERT_EVENT,
            [(index, *map(entry.public.get, COLUMNS), entry.leaf) for index, entry in numbered],
        )
        self._db.executemany(
            "INSERT INTO payload VALUES (?, ?, ?)",
            [(index, entry.salt, entry.payload) for index, entry in numbered],
        )
        tiles = head.edge.extend(leaf_hash(entry.leaf) for entry in batch.entries)
        self._db.executemany(_UPSERT_TILE, tiles)
        note = self._sign(head.edge.range.size, head.edge.range.root())
        self._db.execute("INSERT INTO checkpoint VALUES (?, ?)", (head.edge.range.size, note))
        self._db.execute(_FORGET_CHECKPOINT, (start,))
        head.time = batch.time

    def _seal(self, event: Event, time: str, salt: bytes) -> Sealed:
        return seal(event, source=self._source, time=time, salt=salt, pseudonym_key=self._pseudonym_key)

    def _sign(self, size: int, root: bytes) -> bytes:
        text = Checkpoint(self.key.name, size, root).text()
        return text + b"\n" + self._signer.sign(text)

    def _moment(self, newest: str) -> str:
        """Return the time of the next entry, never before the newest one."""
        now = self._clock()
        written = timestamp(now)
        if written >= newest:
            return written
        behind = datetime.fromisoformat(newest) - now
        if behind > SKEW:
            raise WorkspaceError(
                f"the clock says {timestamp(now)}, the newest entry of the audit log is of {newest}",
                remedy="Set the machine's clock. Nothing was recorded.",
            )
        return newest

    def _current_head(self) -> Head:
        """Return the head, loaded again if a commit failed or somebody else appended."""
        newest = self._db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
        if self._head is None or self._head.edge.range.size != newest:
            self._head = load_head(self._db, self.key)
        return self._head

    def _tree(self) -> TileTree:
        return TileTree(lambda level, number: schema.read_tile(self._db, level, number))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # Whether a failed COMMIT took hold, only the database knows.
            self._head = None
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _same_but_erased(sealed: Sealed, leaf: bytes) -> bool:
    """Say whether a leaf has the attributes of an event whose payload and salt are gone, so that none can bind them."""
    return {**sealed.public, "commitment": ""} == {**parse_leaf(leaf), "commitment": ""}
