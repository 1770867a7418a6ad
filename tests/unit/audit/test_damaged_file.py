"""Verifying files that are no healthy database: the outcome is a report, never a traceback."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.audit.verification import Kind, Verification
from tests.unit.audit.conftest import Acme


def kinds(outcome: Verification) -> set[Kind]:
    return {problem.kind for problem in outcome.problems}


@pytest.fixture
def log_of_600(acme: Acme) -> Acme:
    with acme.open() as log:
        log.record_many(acme.events(600))
        acme.remembered.append(log.checkpoint())
    return acme


def test_a_missing_file_is_reported(acme: Acme) -> None:
    (problem,) = acme.verify().problems

    assert problem.kind is Kind.FILE
    assert "unable to open database file" in problem.message


def test_a_folder_in_its_place_is_reported(acme: Acme) -> None:
    acme.path.mkdir()

    assert kinds(acme.verify()) == {Kind.FILE}


def test_an_empty_file_lacks_every_table(acme: Acme) -> None:
    acme.path.write_bytes(b"")

    assert kinds(acme.verify()) == {Kind.SCHEMA}


def test_a_file_that_is_no_database_is_reported(acme: Acme) -> None:
    acme.path.write_bytes(b"these are not the pages of a database\n" * 1000)

    (problem,) = acme.verify().problems
    assert (problem.kind, problem.message) == (
        Kind.FILE,
        "the database cannot be read: file is not a database",
    )


def test_a_database_of_something_else_is_reported(acme: Acme) -> None:
    with closing(sqlite3.connect(acme.path)) as db:
        db.execute("CREATE TABLE event (idx)")

    assert kinds(acme.verify()) == {Kind.SCHEMA}


@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.9, 0.98])
def test_a_truncated_file_is_reported(log_of_600: Acme, share: float) -> None:
    size = log_of_600.path.stat().st_size
    with log_of_600.path.open("r+b") as file:
        file.truncate(int(size * share))

    assert not log_of_600.verify().ok


def test_garbage_in_any_page_is_reported(log_of_600: Acme) -> None:
    pages = log_of_600.path.read_bytes()
    dice = random.Random(1)  # noqa: S311 - repeatable damage
    for start in range(0, len(pages), 4096):
        damaged = pages[:start] + dice.randbytes(4096) + pages[start + 4096 :]
        log_of_600.path.write_bytes(damaged)

        assert not log_of_600.verify().ok, f"page {start // 4096}"


def test_a_flipped_bit_is_reported_or_changes_nothing_that_can_be_read(log_of_600: Acme) -> None:
    pages = log_of_600.path.read_bytes()
    healthy = dump(log_of_600.path)
    dice = random.Random(2)  # noqa: S311 - repeatable damage
    found = 0
    for _ in range(60):
        place, bit = dice.randrange(len(pages)), 1 << dice.randrange(8)
        damaged = bytearray(pages)
        damaged[place] ^= bit
        log_of_600.path.write_bytes(damaged)

        if log_of_600.verify().ok:
            assert dump(log_of_600.path) == healthy, f"bit {bit} of byte {place}"
        else:
            found += 1
    assert found > 30


def dump(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        tables = ("meta", "event", "payload", "tile", "checkpoint", "cosignature")
        return [db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]  # noqa: S608


def test_an_index_that_disagrees_with_its_table_is_reported(log_of_600: Acme) -> None:
    pages = log_of_600.path.read_bytes()
    transfer = log_of_600.event(305).transfer.encode()
    places = [place for place in range(len(pages)) if pages.startswith(transfer, place)]
    # It stands in each row's column and leaf, too; only in the index the row's number comes right after it.
    number = (305).to_bytes(2, "big")
    (in_index,) = (place for place in places if pages.startswith(number, place + len(transfer)))
    log_of_600.path.write_bytes(pages[:in_index] + b"TR" + pages[in_index + 2 :])

    assert kinds(log_of_600.verify()) == {Kind.STRUCTURE}


def test_a_copy_without_its_write_ahead_log_is_older_and_found_by_what_is_remembered(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    with acme.open() as log:
        log.record_many(acme.events(5, start=5))
        acme.remembered.append(log.checkpoint())
        copy = acme.copy("copy")

    assert kinds(acme.verify(copy)) == {Kind.ROLLBACK}


def test_a_copy_with_its_write_ahead_log_is_whole(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(300))
        acme.remembered.append(log.checkpoint())
        copy = acme.copy("copy")
        shutil.copy(f"{acme.path}-wal", f"{copy}-wal")

    assert acme.verify(copy).ok


def test_a_copy_beside_the_write_ahead_log_of_another_log_is_reported(acme: Acme) -> None:
    home, acme.folder = acme.folder, acme.folder / "other"
    with acme.open() as log:
        log.record_many(acme.events(3, start=1000))
        stale = shutil.copy(f"{acme.path}-wal", home / "stale-wal")
    acme.folder = home
    with acme.open() as log:
        log.record_many(acme.events(300))
        acme.remembered.append(log.checkpoint())
    shutil.copy(stale, f"{acme.path}-wal")

    assert not acme.verify().ok
