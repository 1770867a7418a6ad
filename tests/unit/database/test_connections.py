"""Databases are private, durable and patient."""

import os
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from engine.database import open_engine, open_read_only
from engine.errors import WorkspaceError


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar_one()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "odd ?#% name.db"


def test_a_new_database_and_its_journal_belong_to_the_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        engine = open_engine(path)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (x)"))
            assert {permissions(each) for each in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)
    assert permissions(path.parent) == 0o700
    engine.dispose()


def test_an_existing_database_is_made_private(path: Path) -> None:
    open_engine(path).dispose()
    path.chmod(0o644)
    open_engine(path).dispose()
    assert permissions(path) == 0o600


def test_what_is_committed_survives_a_power_failure(path: Path) -> None:
    engine = open_engine(path)
    settings = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
    assert [pragma(engine, each) for each in settings] == ["wal", 2, 1, 10_000]
    engine.dispose()


def test_creating_a_table_is_undone_with_its_transaction(path: Path) -> None:
    engine = open_engine(path)

    def torn() -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (x)"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        torn()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_schema")).scalar_one() == 0
    engine.dispose()


def test_two_writers_who_read_before_they_write_lose_nothing(path: Path) -> None:
    engine = open_engine(path)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    together = threading.Barrier(4, timeout=10)

    def count() -> None:
        together.wait()
        for _ in range(5):
            with engine.begin() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    writers = [threading.Thread(target=count) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(timeout=30)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 20
    engine.dispose()


def test_a_reader_sees_one_moment_and_can_change_nothing(path: Path) -> None:
    writer, reader = open_engine(path), None
    with writer.begin() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
    reader = open_read_only(path)
    with reader.connect() as reading:
        assert reading.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
        with writer.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
        assert reading.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    with reader.connect() as reading:
        assert reading.execute(text("SELECT count(*) FROM t")).scalar_one() == 1
        with pytest.raises(OperationalError, match="readonly"):
            reading.execute(text("DELETE FROM t"))
    reader.dispose()
    writer.dispose()


def test_reading_a_database_that_is_not_there_does_not_create_it(path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no such file") as caught:
        open_read_only(path)
    assert caught.value.remedy
    assert not path.exists()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(parents=True), os.mkfifo])
def test_something_else_in_the_place_of_a_database_is_refused(path: Path, make: object) -> None:
    path.parent.mkdir()
    make(path)  # type: ignore[operator]
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        open_engine(path)


def test_a_symlink_in_the_place_of_a_database_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        open_engine(path)
    assert not (tmp_path / "elsewhere.db").exists()
