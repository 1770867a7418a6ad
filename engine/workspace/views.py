"""Read-only views of a workspace, for screens that follow it while its owner works.

A view never writes and never waits for a writer. A database or table that is not there yet means "nothing yet";
one that cannot be read is an error that the screen shows. What is in a database is not trusted: every value is
taken as the type it must have, and a proof counts only against the log key pinned in `trust/own`.

INVARIANT: a row is `PROVED` only if its leaf hashes into the tree of a checkpoint that the pinned key signed, and
everything shown of the row stands in that leaf or is bound by it.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from pathlib import Path

from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint
from engine.audit.entry import COLUMNS
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader, Row, RowState
from engine.digest import parse_json
from engine.errors import LadingError, WorkspaceError
from engine.workspace.layout import Layout
from engine.workspace.owner import owned_by
from engine.workspace.settings import load_settings

TRANSFERS_SHOWN = 2000
"""How many transfers of each direction a screen gets: the ones that changed last."""

TRUST_LIMIT = 1024 * 1024
"""The largest trust document that is looked at, in bytes."""


class Direction(StrEnum):
    """Which way a transfer goes, seen from this organization."""

    OUT = "out"
    IN = "in"


class Proof(StrEnum):
    """What is known of a row's proof."""

    UNCHECKED = "not checked"
    PROVED = "proved"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the workspace stands.

    Attributes:
        organization: the organization's id.
        owner: process id of the owner, 0 if it cannot be told, None when nobody owns the workspace.
        advisory: True when owner and user are the same OS user, so that policy can be walked around.
    """

    organization: str
    owner: int | None
    advisory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer. Sizes are bytes, moments UTC, digests 64 hexadecimal characters."""

    id: str
    direction: Direction
    partner: str
    artifact: str
    name: str
    version: str
    agreement: str
    purpose: str
    actor: str
    state: str
    step: str
    detail: str
    chunks_total: int
    chunks_done: int
    bytes_total: int
    bytes_done: int
    started: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """The newest checkpoint of the log.

    Attributes:
        size: how many entries it covers.
        time: when the newest of them was recorded, None unless that entry is proved.
        cosigned_by: names of the partners' pinned witnesses whose cosignature verifies.
        problem: why it proves nothing, None when the pinned key signed it.
    """

    size: int
    time: datetime | None
    cosigned_by: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class LogRow(Row):
    """A row of the log as shown: its columns, its leaf, and the actor's name from the payload.

    Attributes:
        name: the actor's name, None when the payload was erased or is not the one the leaf commits to.
    """

    name: str | None


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """The outcome of a check: of which row exactly, against a checkpoint of which size, and why it failed."""

    row: LogRow
    proof: Proof
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a row: its leaf and payload as indented JSON, and the inclusion path in hexadecimal."""

    leaf: str
    payload: str | None
    path: tuple[str, ...]


class WorkspaceView:
    """The door for screens: how a workspace stands, its transfers, its log."""

    def __init__(self, home: Path) -> None:
        """Look at the workspace in `home`.

        Raises:
            WorkspaceError: `home` is not a workspace, or its settings are broken.
        """
        self.layout = Layout(home.absolute())
        self.organization = load_settings(self.layout.settings).organization.id
        self.transfers = TransfersView(self.layout)
        self.log = LogView(self.layout)

    def standing(self) -> Standing:
        """Return how the workspace stands now."""
        try:
            owner = owned_by(self.layout.lock)
        except PermissionError:
            owner = 0
        state = self.layout.state
        advisory = not state.exists() or state.stat().st_uid == os.geteuid()
        return Standing(organization=self.organization, owner=owner, advisory=advisory)

    def close(self) -> None:
        """Let go of the databases."""
        self.transfers.close()
        self.log.close()


class TransfersView:
    """Every transfer of the workspace, both ways.

    All methods raise `sqlite3.Error` when a database is there but cannot be read.
    """

    def __init__(self, layout: Layout) -> None:
        self._sent = _Database(layout.transfer_database)
        self._received = _Database(layout.gateway_database)

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever a transfer may have changed."""
        return (self._sent.version(), self._received.version())

    def read(self) -> tuple[Transfer, ...]:
        """Return the transfers that changed last, in no particular order."""
        sent = self._sent.rows(_OUTGOING, TRANSFERS_SHOWN, tables=("outgoing",))
        received = self._received.rows(_INCOMING, TRANSFERS_SHOWN, tables=("incoming_transfer", "incoming_chunk"))
        return (
            *(_transfer(row, Direction.OUT) for row in sent),
            *(_transfer(row, Direction.IN) for row in received),
        )

    def held(self, transfer: Transfer) -> tuple[bool, ...]:
        """Return for each chunk of an incoming transfer, in the order of the offer, whether it is here."""
        if transfer.direction is Direction.OUT:
            return ()
        return tuple(bool(row[0]) for row in self._received.rows(_HELD, transfer.id, tables=("incoming_chunk",)))

    def close(self) -> None:
        """Let go of the files."""
        self._sent.close()
        self._received.close()


class LogView:
    """The audit log, row by row, each proof checked by whoever looks at it.

    All methods raise `LadingError` when the log is there but cannot be read.
    """

    def __init__(self, layout: Layout) -> None:
        self._path = layout.audit_database
        self._trust = layout.trust
        self._reader: LogReader | None = None
        self._file: tuple[int, int] | None = None

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever somebody wrote to the log (microseconds)."""
        reader = self._open()
        return (self._file, reader and reader.data_version())

    def size(self) -> int:
        """Return how many entries the newest checkpoint covers; 0 while there is no log."""
        reader = self._open()
        return reader.size if reader else 0

    def rows(self, start: int, count: int) -> list[LogRow]:
        """Return the rows from `start` on; one that the database lacks is there without a leaf, and broken."""
        reader = self._open()
        if reader is None:
            return []
        found = {row.index: row for row in reader.rows(start, count)}
        wanted = range(start, min(start + count, reader.size))
        return [_named(reader, found[i]) if i in found else LogRow(i, *_NOTHING) for i in wanted]

    def scan(self, start: int, count: int) -> list[LogRow]:
        """Return rows for a search: names are looked up once per pseudonym, so that a whole log can be scanned."""
        reader = self._open()
        names: dict[str, str | None] = {}
        rows = []
        for row in reader.rows(start, count) if reader else ():
            if row.actor not in names:
                names[row.actor] = _name(reader, row.index)
            rows.append(LogRow(*_COLUMNS(row), names[row.actor]))
        return rows

    def checkpoint(self) -> CheckpointView | None:
        """Return the newest checkpoint, verified; None while there is no log."""
        if not self._path.exists():
            return None
        with LogReader(self._path) as reader:
            try:
                signed = self._signed(reader)
            except LadingError as error:
                return CheckpointView(size=reader.size, time=None, cosigned_by=(), problem=str(error))
            size = signed.checkpoint.size
            newest = reader.rows(size - 1, 1) if size else []
            proved = newest and reader.check_row(newest[0], signed.checkpoint) is RowState.PROVED
            return CheckpointView(
                size=size,
                time=datetime.fromisoformat(newest[0].time) if proved else None,
                cosigned_by=tuple(sorted({cosigned.key.name for cosigned in signed.cosigned})),
                problem=None,
            )

    def check(self, rows: Sequence[LogRow]) -> list[CheckedRow]:
        """Check rows against the newest checkpoint, from what is stored now: nothing is remembered between calls."""
        with LogReader(self._path) as reader:
            try:
                signed = self._signed(reader)
            except LadingError as error:
                return [CheckedRow(row, Proof.BROKEN, 0, str(error)) for row in rows]
            return [_check(reader, row, signed) for row in rows]

    def evidence(self, row: LogRow) -> Evidence:
        """Return what proves a row, as far as the log still has it."""
        with LogReader(self._path) as reader:
            try:
                path = tuple(node.hex() for node in reader.prove(row.index, reader.size))
                payload = reader.entry(row.index).payload
            except LadingError:
                return Evidence(_indented(row.leaf), None, ())
        text = None if payload is None else json.dumps(payload, indent=2, ensure_ascii=False, sort_keys=True)
        return Evidence(_indented(row.leaf), text, path)

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
        self._reader, self._file = None, None

    def _open(self) -> LogReader | None:
        """Return a reader of the file that is there now, which may be another one than before."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        if self._reader is None or self._file != (status.st_dev, status.st_ino):
            self.close()
            self._reader, self._file = LogReader(self._path), (status.st_dev, status.st_ino)
        return self._reader

    def _signed(self, reader: LogReader) -> SignedCheckpoint:
        own = _pinned(self._trust / "own" / "trust.json", "log_keys")
        partners = (self._trust / "partners").glob("*/trust.json")
        witnesses = [key for path in sorted(partners) for key in _pinned(path, "witness_keys")]
        return open_checkpoint(reader.newest_checkpoint(), [*own, *witnesses])


class _Database:
    """A database that is opened read-only once it is there, and anew when the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def version(self) -> tuple[object, ...]:
        connection = self._open()
        return (self._file, connection and connection.execute("PRAGMA data_version").fetchone()[0])

    def rows(self, query: str, parameter: object, *, tables: Sequence[str]) -> list[sqlite3.Row]:
        """Return what a query finds; nothing while the file or one of the tables is missing."""
        connection = self._open()
        if connection is None:
            return []
        known = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        return connection.execute(query, (parameter,)).fetchall() if known.issuperset(tables) else []

    def close(self) -> None:
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


_TEXTS = (
    "id",
    "partner",
    "artifact",
    "name",
    "version",
    "agreement",
    "purpose",
    "actor",
    "state",
    "step",
    "detail",
)
_SHARED = ", ".join((*_TEXTS, "chunks_total", "bytes_total", "started", "updated"))
_OUTGOING = f"SELECT {_SHARED}, chunks_done, bytes_done FROM outgoing ORDER BY updated DESC LIMIT ?"  # noqa: S608
_INCOMING = f"""
SELECT {_SHARED},
  (SELECT count(received) FROM incoming_chunk WHERE transfer = t.id) AS chunks_done,
  (SELECT total(size) FROM incoming_chunk WHERE transfer = t.id AND received IS NOT NULL) AS bytes_done
FROM incoming_transfer AS t ORDER BY updated DESC LIMIT ?
"""  # noqa: S608 - made of the constants above
_HELD = "SELECT received IS NOT NULL FROM incoming_chunk WHERE transfer = ? ORDER BY rowid"

_COLUMNS = attrgetter("index", "leaf", *COLUMNS)
_NOTHING = (b"", "", "", "", "", None, None, None, None, None, None, None)


def _transfer(row: sqlite3.Row, direction: Direction) -> Transfer:
    texts = {name: value if isinstance(value := row[name], str) else "" for name in _TEXTS}
    return Transfer(
        direction=direction,
        chunks_total=_count(row["chunks_total"]),
        chunks_done=_count(row["chunks_done"]),
        bytes_total=_count(row["bytes_total"]),
        bytes_done=_count(row["bytes_done"]),
        started=_moment(row["started"]),
        updated=_moment(row["updated"]),
        **texts,
    )


def _count(value: object) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _moment(value: object) -> datetime:
    try:
        return datetime.fromtimestamp(value if isinstance(value, int | float) else 0, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _pinned(path: Path, field: str) -> list[NoteKey]:
    """Read the keys that a pinned trust document names; none when there is no such document."""
    try:
        document = parse_json(path.read_bytes(), what=str(path), limit=TRUST_LIMIT)
    except FileNotFoundError:
        return []
    signed = document.get("signed") if isinstance(document, dict) else None
    keys = signed.get(field) if isinstance(signed, dict) else None
    if not isinstance(keys, list):
        raise WorkspaceError(f"{path} has no list {field!r}", remedy="Confirm the partner's trust document again.")
    return [NoteKey.parse(str(key)) for key in keys]


def _named(reader: LogReader, row: Row) -> LogRow:
    return LogRow(*_COLUMNS(row), _name(reader, row.index))


def _name(reader: LogReader, index: int) -> str | None:
    try:
        payload = reader.entry(index).payload or {}
    except LadingError:
        return None
    name = payload.get("actor")
    return name if isinstance(name, str) else None


def _check(reader: LogReader, row: LogRow, signed: SignedCheckpoint) -> CheckedRow:
    size = signed.checkpoint.size
    state = reader.check_row(row, signed.checkpoint)
    if state is RowState.PENDING:
        return CheckedRow(row, Proof.UNCHECKED, size, "newer than the newest checkpoint")
    why = _difference(reader, row)
    if state is RowState.BROKEN and not why:
        why = "its leaf is not in the tree of the signed checkpoint"
    return CheckedRow(row, Proof.BROKEN if why else Proof.PROVED, size, why)


def _difference(reader: LogReader, row: LogRow) -> str:
    """Say where the row as shown differs from what its leaf says or binds; empty when nowhere."""
    try:
        entry = reader.entry(row.index)
    except LadingError as error:
        return str(error)
    columns = [column for column in COLUMNS if getattr(row, column) != entry.public.get(column)]
    if columns or entry.leaf != row.leaf:
        return f"what is shown is not what the leaf says: {', '.join(columns) or 'leaf'}"
    return "" if row.name == (entry.payload or {}).get("actor") else "the actor's name is not the payload's"


def _indented(leaf: bytes) -> str:
    try:
        return json.dumps(json.loads(leaf), indent=2, ensure_ascii=False)
    except ValueError:
        return repr(leaf)
