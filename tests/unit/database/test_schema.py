"""Migrations happen once, wholly or not at all, and never backwards."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from engine.database import open_engine
from engine.database.schema import _migrate_from
from engine.errors import WorkspaceError

FIRST = """
from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None


def upgrade():
    op.create_table("ship", sa.Column("name", sa.Text, primary_key=True))
"""
SECOND = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table("port", sa.Column("name", sa.Text, primary_key=True))
"""
TORN = SECOND + "    op.execute('SELECT no_such_column')\n"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "100% room" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_ship.py").write_text(FIRST, encoding="utf-8")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "room.db"


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_only_migrations_that_were_not_seen_are_run(room: Path, path: Path) -> None:
    engine = open_engine(path)
    _migrate_from(engine, room)
    assert tables(engine) == {"alembic_version", "ship"}
    (room / "0002_port.py").write_text(SECOND, encoding="utf-8")
    _migrate_from(engine, room)
    _migrate_from(engine, room)
    assert tables(engine) == {"alembic_version", "ship", "port"}
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(room: Path, path: Path) -> None:
    engine = open_engine(path)
    (room / "0002_port.py").write_text(TORN, encoding="utf-8")
    with pytest.raises(WorkspaceError, match="no_such_column"):
        _migrate_from(engine, room)
    assert tables(engine) == set()
    engine.dispose()


def test_a_schema_of_a_newer_lading_is_refused(room: Path, path: Path) -> None:
    engine = open_engine(path)
    second = room / "0002_port.py"
    second.write_text(SECOND, encoding="utf-8")
    _migrate_from(engine, room)
    second.unlink()
    with pytest.raises(WorkspaceError, match="found schema 0002, expected at most 0001") as caught:
        _migrate_from(engine, room)
    assert "newer lading" in caught.value.remedy
    engine.dispose()


def test_a_file_that_is_no_database_is_refused(room: Path, path: Path) -> None:
    path.write_bytes(b"not a database, but longer than its header would be" * 10)
    engine = open_engine(path)
    with pytest.raises(WorkspaceError, match="not a database"):
        _migrate_from(engine, room)
    engine.dispose()


def test_many_may_migrate_at_the_same_time(room: Path, path: Path) -> None:
    engines = [open_engine(path) for _ in range(4)]
    failures: list[BaseException] = []
    together = threading.Barrier(4, timeout=10)

    def run(engine: Engine) -> None:
        together.wait()
        try:
            _migrate_from(engine, room)
        except BaseException as error:  # noqa: BLE001 - whatever a thread raised is the test's failure
            failures.append(error)

    runners = [threading.Thread(target=run, args=(each,)) for each in engines]
    for each in runners:
        each.start()
    for each in runners:
        each.join(timeout=30)
    assert failures == []
    assert tables(engines[0]) == {"alembic_version", "ship"}
    for each in engines:
        each.dispose()
