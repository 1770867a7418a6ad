"""The audit log as a screen sees it: rows read from the database, each proof checked by the one who looks.

Nothing in the database is trusted. Columns and payloads say where to look and what to show; only a check tells
whether a row is true, and it reads everything again.

INVARIANT: a row is `PROVED` only if its leaf hashes into the tree of a checkpoint that the key pinned in
`trust/own` signed, and everything shown of the row stands in that leaf or is bound by it.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.audit.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint, read_checkpoint
from engine.audit.entry import COLUMNS, OPTIONAL
from engine.audit.merkle import verify_consistency
from engine.audit.note import Algorithm, NoteKey
from engine.audit.query.complete import Candidate, complete
from engine.audit.query.find import Search, find
from engine.audit.query.parse import MOMENT_FORMS, only_about
from engine.audit.query.terms import EVERYTHING, Between, Term
from engine.audit.reader import LogReader, Row, RowState
from engine.digest import parse_json
from engine.errors import FilterError, LadingError, LogTampered, UsageError, WorkspaceError
from engine.events import Clock, system_clock
from engine.workspace.layout import Layout
from engine.workspace.log.querying import LogQuestions, known_values

TRUST_LIMIT: Final = 1024 * 1024
"""The largest trust document that is looked at, in bytes."""

_ABSENT: Final[dict[str, Any]] = {column: None if column in OPTIONAL else "" for column in COLUMNS}


class Proof(StrEnum):
    """What is known of a row's proof."""

    UNCHECKED = "unchecked"
    PROVED = "proved"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointView:
    """The newest checkpoint of the log.

    Attributes:
        size: how many entries it covers.
        time: when the newest of them was recorded, None unless that entry is proved.
        cosigned_size: size of the newest checkpoint that witnesses cosigned; the log was checked to extend it.
        cosigned_by: the partners' pinned witnesses that cosigned that one.
        problem: why it proves nothing, None when the pinned key signed it.
    """

    size: int
    time: datetime | None
    cosigned_size: int
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


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter of the audit log (`docs/formats/filter.md`).

    Attributes:
        text: as it was typed.
        term: what it means.
        problem: why it cannot be used, or None.
    """

    text: str = ""
    term: Term = EVERYTHING
    problem: str | None = None


class LogView:
    """The audit log, row by row, each proof checked by whoever looks at it.

    All methods raise `LadingError` when the log is there but cannot be read.
    """

    def __init__(self, layout: Layout, clock: Clock = system_clock) -> None:
        self._layout = layout
        self._clock = clock
        self._path = layout.audit_database
        self._trust = layout.trust
        self._reader: LogReader | None = None
        self._file: tuple[int, int] | None = None

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever somebody wrote to the log (microseconds)."""
        reader = self.opened()
        return (self._file, reader and reader.data_version())

    def size(self) -> int:
        """Return how many entries the newest checkpoint covers; 0 while there is no log."""
        reader = self.opened()
        return reader.size if reader else 0

    def rows(self, start: int, count: int) -> list[LogRow]:
        """Return the rows from `start` on; one that the database lacks is there without a leaf, and broken."""
        reader = self.opened()
        if reader is None:
            return []
        found = {row.index: row for row in reader.rows(start, count)}
        wanted = range(start, min(start + count, reader.size))
        return [
            log_row(found[i], _name(reader, i)) if i in found else LogRow(index=i, leaf=b"", name=None, **_ABSENT)
            for i in wanted
        ]

    def filter(self, text: str) -> LogFilter:
        """Read a filter of the audit log; one that cannot be read has a problem and lets nothing through."""
        try:
            with self._asking() as questions:
                return LogFilter(text, questions.read(text))
        except LadingError as error:
            return LogFilter(text, EVERYTHING, str(error))

    def find(self, wanted: LogFilter, start: int, stop: int) -> list[int]:
        """Return the indexes from `start` to before `stop` that a filter lets through or that are broken.

        From any thread; the first search for words may bring the full-text index up to date.
        """
        with self._asking() as questions:
            source = questions.source(wanted.term, questions.log.size, thorough=False)
            search = Search(wanted.term, source, start, min(stop, questions.log.size), newest_first=False)
            return [found.row.index for found in find(questions.log, search)]

    def locate(self, text: str) -> int:
        """Return the index that an index or a moment (as `since:` takes it) leads to; it may lie beyond the end.

        Raises:
            UsageError: it is neither.
        """
        wanted = text.strip()
        with self._asking() as questions:
            log = questions.log
            if (digits := wanted.replace(",", "")).isascii() and digits.isdigit():
                return int(digits[:18])
            try:
                term = questions.read(only_about("since", wanted))
            except FilterError:
                raise UsageError(
                    f"found '{wanted}', expected an entry (120) or {MOMENT_FORMS}", remedy="Type one of these."
                ) from None
            since = term.since if isinstance(term, Between) else None
            low, high = 0, log.size
            while low < high:
                middle = (low + high) // 2
                rows = log.rows(middle, 1)
                low, high = (middle + 1, high) if rows and rows[0].time < str(since) else (low, middle)
            return low

    def completer(self) -> Callable[[str, int], list[Candidate]]:
        """Return what completes filters, by what the log holds now."""
        try:
            with self._asking() as questions:
                known = known_values(questions.log)
        except LadingError:
            known = {}
        return lambda text, cursor: complete(text, cursor, known)

    def export(self, text: str, output: Path) -> tuple[int, str]:
        """Export what a filter lets through with its proofs, from any thread.

        The format is told by the name: `.csv`, `.ocsf`, `.json` (CloudEvents), and JSON lines for any other.

        Returns:
            How many entries, and the verifier key that the file is checked with.

        Raises:
            LadingError: a row is broken, or the log cannot be read; there is no file then.
            OSError: the file cannot be written.
        """
        from engine.workspace.log.export import export_log  # heavy

        name = {".csv": "csv", ".ocsf": "ocsf", ".json": "cloudevents"}.get(output.suffix, "jsonl")
        keys = self._keys()
        result = export_log(self._layout.home, text, name, proofs=True, output=output, write=str, keys=keys)
        return int(str(result["entries"])), next(key.vkey for key in keys if key.name == result["origin"])

    def checkpoint(self) -> CheckpointView | None:
        """Return the newest checkpoint, verified; None while there is no log."""
        if not self._path.exists():
            return None
        with LogReader(self._path) as reader:
            try:
                signed = self._signed(reader)
                witnessed = self._witnessed(reader, signed.checkpoint)
            except LadingError as error:
                return CheckpointView(size=reader.size, time=None, cosigned_size=0, cosigned_by=(), problem=str(error))
            size = signed.checkpoint.size
            newest = reader.rows(size - 1, 1) if size else []
            proved = newest and reader.check_row(newest[0], signed.checkpoint) is RowState.PROVED
            return CheckpointView(
                size=size,
                time=_moment(newest[0].time) if proved else None,
                cosigned_size=witnessed.checkpoint.size if witnessed else 0,
                cosigned_by=tuple(sorted({one.key.name for one in witnessed.cosigned})) if witnessed else (),
                problem=None,
            )

    def check(self, rows: Sequence[LogRow]) -> list[CheckedRow]:
        """Check rows against the newest checkpoint; everything is read again, nothing is remembered."""
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

    def opened(self) -> LogReader | None:
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

    @contextmanager
    def _asking(self) -> Iterator[LogQuestions]:
        with LogReader(self._path) as reader:
            yield LogQuestions(self._layout, reader, self._clock, keys=self._keys)

    def _signed(self, reader: LogReader) -> SignedCheckpoint:
        return open_checkpoint(reader.newest_checkpoint(), self._keys())

    def _witnessed(self, reader: LogReader, newest: Checkpoint) -> SignedCheckpoint | None:
        keys = self._keys()
        found = [reader.cosigned_checkpoint(key.name) for key in keys if key.algorithm is Algorithm.COSIGNATURE]
        notes = [note for note in found if note is not None]
        if not notes:
            return None
        signed = open_checkpoint(max(notes, key=lambda note: read_checkpoint(note).size), keys)
        seen = signed.checkpoint
        proof = reader.prove_consistency(seen.size, newest.size)
        if not verify_consistency(seen.size, newest.size, seen.root, newest.root, proof):
            raise LogTampered(
                f"the log does not extend its checkpoint {seen.size:,}, which witnesses cosigned",
                remedy="Run 'lading audit verify', and ask the witnesses what they saw.",
            )
        return signed

    def _keys(self) -> list[NoteKey]:
        own = _pinned(self._trust / "own" / "trust.json", "log_keys")
        partners = (self._trust / "partners").glob("*/trust.json")
        witnesses = [key for path in sorted(partners) for key in _pinned(path, "witness_keys")]
        return [*own, *witnesses, *_third_parties(self._trust / "witnesses")]


def _third_parties(folder: Path) -> list[NoteKey]:
    """Read the verifier keys of third-party witnesses that are pinned."""
    try:
        pins = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[!.]*.toml"))]
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            f"a pin in {folder} cannot be read: {error}",
            remedy="Pin the witness again with 'lading audit witness add'.",
        ) from None
    return [NoteKey.parse(str(pin.get("vkey"))) for pin in pins]


def _pinned(path: Path, field: str) -> list[NoteKey]:
    """Read the keys that a pinned trust document names; none when there is no such document."""
    try:
        document = parse_json(path.read_bytes(), what=str(path), limit=TRUST_LIMIT)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error}", remedy="Give this user the right to read it.") from None
    signed = document.get("signed") if isinstance(document, dict) else None
    keys = signed.get(field) if isinstance(signed, dict) else None
    if not isinstance(keys, list):
        raise WorkspaceError(f"{path} has no list {field!r}", remedy="Confirm the partner's trust document again.")
    return [NoteKey.parse(str(key)) for key in keys]


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def log_row(row: Row, name: str | None) -> LogRow:
    """Return a row as it is shown, with the name that its payload gives the actor."""
    columns: dict[str, Any] = {column: getattr(row, column) for column in COLUMNS}
    return LogRow(index=row.index, leaf=row.leaf, name=name, **columns)


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
