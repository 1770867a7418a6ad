"""Whatever is edited in a log's database, verification finds it and does not fail over it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audit import schema
from engine.audit.log import AuditLog
from engine.audit.note import Algorithm, NoteKey, NoteSigner, split_note
from engine.audit.verification import Verification
from engine.audit.verify import verify
from engine.events import Event, event_id

ORIGIN = "acme.example/lading/audit/0"
SIZES = (3, 280, 300)

COLUMNS = {
    "meta": ("name", "value"),
    "event": (
        *("idx", "id", "time", "type", "actor", "artifact", "partner", "transfer", "agreement"),
        *("decision", "policy", "statement", "leaf"),
    ),
    "payload": ("idx", "salt", "body"),
    "tile": ("level", "number", "hashes"),
    "checkpoint": ("size", "note"),
    "cosignature": ("size", "name", "line"),
}

VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | st.binary(max_size=40)
)


NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Evidence:
    """A log on disk, copies of it as it once was, and what is remembered of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "audit.db"
        self.remembered: list[bytes] = []
        self.older: list[Path] = []
        key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
        private = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
        self.witness = NoteSigner("borealis.example/lading/witness", private, Algorithm.COSIGNATURE)
        self.key: NoteKey = NoteSigner(ORIGIN, key).key
        for size in SIZES:
            with AuditLog(
                self.path,
                origin=ORIGIN,
                key=key,
                pseudonym_key=b"p" * 32,
                source="spiffe://acme.example/gateway",
                clock=lambda: NOW,
            ) as log:
                log.record_many([event(number) for number in range(log.size, size)])
                if size != SIZES[-1]:
                    line = self.witness.cosign(split_note(log.checkpoint())[0], int(NOW.timestamp()))
                    log.add_cosignature(size, line, self.witness.key)
                self.remembered.append(log.checkpoint())
            self.older.append(Path(shutil.copy(self.path, folder / f"{size}.db")))

    def verify(self, path: Path) -> Verification:
        return verify(
            path,
            key=self.key,
            remembered=self.remembered,
            witnesses=[self.witness.key],
            pseudonym_key=b"p" * 32,
        )

    def copy(self) -> Path:
        target = self.folder / "edited.db"
        for suffix in ("-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        return Path(shutil.copy(self.path, target))


def event(number: int) -> Event:
    return Event(
        id=event_id("property", "step", number),
        type="transfer.offered",
        actor=f"person-{number % 3}@acme.example",
        artifact="a" * 64,
        partner="borealis.example",
        transfer=f"tr-{number // 10:024x}",
        agreement="b" * 64,
        decision="permit",
        policy="c" * 64,
        statement="d" * 64,
        payload={"number": number},
    )


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    evidence = Evidence(tmp_path_factory.mktemp("evidence"))
    assert evidence.verify(evidence.path).ok
    yield evidence
    assert evidence.verify(evidence.path).ok


def contents(db: sqlite3.Connection) -> list[object]:
    db.text_factory = bytes
    found = [
        db.execute(f"SELECT *, {', '.join(f'typeof({c})' for c in columns)} FROM {table}").fetchall()  # noqa: S608
        for table, columns in COLUMNS.items()
    ]
    db.text_factory = str
    return found


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_edit_of_a_value_is_found(evidence: Evidence, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    column = data.draw(st.sampled_from(COLUMNS[table]))
    path = evidence.copy()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        chosen = data.draw(a_row(db, table), label="row")
        old = chosen[COLUMNS[table].index(column)]
        value = data.draw(VALUES | near(old))
        before = contents(db)
        loosen(db)
        try:
            where = " AND ".join(f"{name} IS ?" for name in COLUMNS[table])
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *chosen))  # noqa: S608
        except sqlite3.IntegrityError:
            pass  # Two rows cannot have one key, whoever edits.
        tighten(db)
        changed = contents(db) != before

    outcome = evidence.verify(path)

    assert outcome.ok is not changed, (table, column, value, outcome.problems)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_deleted_or_added_row_is_found(evidence: Evidence, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    path = evidence.copy()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        loosen(db)
        chosen = data.draw(a_row(db, table), label="row")
        where = " AND ".join(f"{name} IS ?" for name in COLUMNS[table])
        if data.draw(st.booleans()):
            db.execute(f"DELETE FROM {table} WHERE {where}", chosen)  # noqa: S608
        else:
            key = data.draw(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 400))
            twin = [
                f"x{key}" if column == "id" else value for column, value in zip(COLUMNS[table], chosen, strict=True)
            ]
            twin[0] = key
            marks = ", ".join("?" * len(twin))
            try:
                db.execute(f"INSERT INTO {table} VALUES ({marks})", twin)  # noqa: S608
            except sqlite3.IntegrityError:
                return
        tighten(db)

    assert not evidence.verify(path).ok


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.integers(0, SIZES[-1] - 1))
def test_every_deleted_tail_is_found(evidence: Evidence, keep: int) -> None:
    path = evidence.copy()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM payload WHERE idx >= ?", (keep,))
        db.execute("DELETE FROM event WHERE idx >= ?", (keep,))
        db.execute("DELETE FROM cosignature WHERE size > ?", (keep,))
        db.execute("DELETE FROM checkpoint WHERE size > ?", (keep,))

    assert not evidence.verify(path).ok


@pytest.mark.parametrize("age", range(len(SIZES) - 1))
def test_every_restored_older_copy_is_found(evidence: Evidence, age: int) -> None:
    kinds = {problem.kind.value for problem in evidence.verify(evidence.older[age]).problems}

    assert "rollback" in kinds


class Row(tuple[object, ...]):
    """A row that a failing example does not print whole."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"({', '.join(repr(value)[:80] for value in self)})"


def a_row(db: sqlite3.Connection, table: str) -> st.SearchStrategy[Row]:
    rows = [Row(row) for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608 - a test's own names
    return st.integers(0, len(rows) - 1).map(rows.__getitem__)


def near(value: object) -> st.SearchStrategy[object]:
    """Values that look like the old one: a bit flipped, cut off, longer, or of the other type."""
    if isinstance(value, str):
        data = value.encode()
        return st.sampled_from([data, value[:-1], value + "\n", value.upper(), value + "\0"])
    if isinstance(value, bytes) and value:
        flips = st.integers(0, len(value) * 8 - 1).map(
            lambda bit: value[: bit // 8] + bytes([value[bit // 8] ^ 1 << bit % 8]) + value[bit // 8 + 1 :]
        )
        return flips | st.sampled_from([value[:-1], value + b"\0", value.decode("latin-1")])
    if isinstance(value, int):
        return st.sampled_from([value + 1, value - 1, str(value)])
    return st.just("")


def loosen(db: sqlite3.Connection) -> None:
    """Take types and NOT NULL off the tables, as an editor does who wants to store anything."""
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        "UPDATE sqlite_master SET sql = replace(replace(replace(sql, ') STRICT', ')'), ', WITHOUT', ' WITHOUT'),"
        " ' NOT NULL', '') WHERE type = 'table'"
    )
    db.execute("PRAGMA writable_schema = RESET")


def tighten(db: sqlite3.Connection) -> None:
    """Put the schema back as it was, so that nothing but the edit remains."""
    db.execute("PRAGMA writable_schema = ON")
    for kind, name, sql in schema.expected():
        db.execute("UPDATE sqlite_master SET sql = ? WHERE type = ? AND name = ?", (sql or None, kind, name))
    db.execute("PRAGMA writable_schema = RESET")
