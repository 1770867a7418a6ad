"""The reader: what a screen shows is proved row by row, while the owner goes on writing."""

import subprocess
import sys
from contextlib import closing
from dataclasses import fields, replace

import pytest

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.entry import COLUMNS
from engine.audit.reader import LogReader, Row, RowState
from engine.errors import InputError, LogTampered, WorkspaceError
from tests.unit.audit.conftest import Acme


def newest(acme: Acme, reader: LogReader) -> Checkpoint:
    return open_checkpoint(reader.newest_checkpoint(), [acme.key]).checkpoint


def test_rows_are_read_while_the_owner_writes_and_each_is_proved(acme: Acme) -> None:
    with acme.open() as log, LogReader(acme.path) as reader:
        log.record_many(acme.events(600))

        rows = reader.rows(250, 50)

        checkpoint = newest(acme, reader)
        assert [row.index for row in rows] == list(range(250, 300))
        assert {reader.check_row(row, checkpoint) for row in rows} == {RowState.PROVED}


def test_a_row_newer_than_the_checkpoint_is_pending(acme: Acme) -> None:
    with acme.open() as log, LogReader(acme.path) as reader:
        log.record(acme.event(0))
        checkpoint = newest(acme, reader)
        log.record(acme.event(1))

        states = [reader.check_row(row, checkpoint) for row in reader.rows(0, 10)]

        assert states == [RowState.PROVED, RowState.PENDING]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_row_that_shows_anything_but_its_leaf_is_broken(acme: Acme, column: str) -> None:
    with acme.open() as log, LogReader(acme.path) as reader:
        log.record_many(acme.events(5))
        row = reader.rows(3, 1)[0]

        assert reader.check_row(replace(row, **{column: "x"}), newest(acme, reader)) is RowState.BROKEN


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB), decision = 'deny' WHERE idx = 3",
        "UPDATE event SET leaf = x'ff' WHERE idx = 3",
        "UPDATE event SET actor = CAST(x'ff' AS TEXT) WHERE idx = 3",
        "DELETE FROM tile",
        "UPDATE tile SET hashes = zeroblob(160)",
    ],
)
def test_a_tampered_row_is_shown_and_broken(acme: Acme, statement: str) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    acme.tamper(statement)

    with LogReader(acme.path) as reader:
        (row,) = reader.rows(3, 1)
        assert reader.check_row(row, newest(acme, reader)) is RowState.BROKEN


def test_a_row_of_wrong_types_is_shown_and_broken(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    acme.tamper(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'event'",
    )
    acme.tamper("UPDATE event SET leaf = replace(leaf, 'a', 'b'), partner = x'00' WHERE idx = 3")

    with LogReader(acme.path) as reader:
        (row,) = reader.rows(3, 1)
        assert (row.leaf, row.partner) == (b"", "b'\\x00'")
        assert reader.check_row(row, newest(acme, reader)) is RowState.BROKEN


def test_a_change_by_the_owner_is_noticed(acme: Acme) -> None:
    with acme.open() as log, LogReader(acme.path) as reader:
        before = reader.data_version()
        assert reader.data_version() == before

        log.record(acme.event(0))

        assert reader.data_version() != before
        assert reader.size == 1


def test_an_event_is_found_by_its_id_and_by_its_transfer(acme: Acme) -> None:
    with acme.open() as log, LogReader(acme.path) as reader:
        log.record_many(acme.events(25))

        assert reader.find(acme.event(7).id).index == 7
        assert reader.find("nobody recorded this") is None
        assert [entry.index for entry in reader.of_transfer(acme.event(12).transfer)] == list(range(10, 20))
        assert reader.of_transfer("tr-none") == []


def test_the_newest_decisions_about_a_transfer_come_first(acme: Acme) -> None:
    kinds = ("decision.permit", "transfer.started", "decision.shadow", "decision.deny")
    with acme.open() as log, LogReader(acme.path) as reader:
        log.record_many([acme.event(number, type=kinds[number % 4]) for number in range(20)])

        found = [entry.index for entry in reader.decisions(acme.event(12).transfer, 4)]

    assert found == [19, 18, 16, 15]


@pytest.mark.parametrize("column", ["id", "transfer"])
def test_evidence_never_comes_from_a_column_alone(acme: Acme, column: str) -> None:
    with acme.open() as log:
        log.record_many(acme.events(25))
    acme.tamper(f"UPDATE event SET {column} = 'stolen' WHERE idx = 20")  # noqa: S608 - a test's own names

    with LogReader(acme.path) as reader, pytest.raises(LogTampered, match="entry 20 is listed under"):
        reader.find("stolen") if column == "id" else reader.of_transfer("stolen")


def test_an_entry_the_log_does_not_have_is_told_from_one_that_was_removed(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    acme.tamper("PRAGMA foreign_keys = OFF", "DELETE FROM event WHERE idx = 3")

    with LogReader(acme.path) as reader:
        with pytest.raises(LogTampered, match="entry 3 is missing"):
            reader.entry(3)
        with pytest.raises(InputError, match="has no entry 5"):
            reader.entry(5)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 6)])
def test_there_are_no_proofs_beyond_the_log(acme: Acme, index: int, size: int) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
        with pytest.raises(InputError, match="has 5 entries"):
            log.prove(index, size)
    with LogReader(acme.path) as reader, pytest.raises(InputError):
        reader.prove_consistency(4, 6)


def test_a_log_without_checkpoints_proves_nothing(acme: Acme) -> None:
    acme.open().close()
    acme.tamper("DELETE FROM checkpoint")

    with LogReader(acme.path) as reader:
        assert reader.size == 0
        with pytest.raises(LogTampered, match="there is no checkpoint"):
            reader.newest_checkpoint()


def test_a_reader_cannot_write(acme: Acme) -> None:
    acme.open().close()

    with closing(LogReader(acme.path)) as reader, pytest.raises(WorkspaceError, match="readonly"):
        reader._query("DELETE FROM checkpoint")


def test_there_is_nothing_to_read_where_there_is_no_log(acme: Acme) -> None:
    with pytest.raises(WorkspaceError, match="unable to open database file"):
        LogReader(acme.path)
    acme.path.write_bytes(b"")
    with pytest.raises(WorkspaceError, match="schema version 0"):
        LogReader(acme.path)
    acme.path.write_bytes(b"no database at all\n" * 200)
    with pytest.raises(LogTampered, match="not a database"):
        LogReader(acme.path)


def test_a_row_has_the_columns_in_the_order_they_are_read_in() -> None:
    assert [field.name for field in fields(Row)] == ["index", "leaf", *COLUMNS]


def test_reading_a_log_loads_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "sigstore", "cedarpy", "aiohttp", "textual", "pydantic")
    code = f"import sys, engine.audit.reader; print([name for name in {heavy} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.strip() == "[]"
