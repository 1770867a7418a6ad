"""The migrations that ship make exactly the tables the code uses."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from engine.database import migrate, open_engine
from engine.gateway import tables as gateway
from engine.manifest import tables as manifest
from engine.policy import tables as policy
from engine.transfer import tables as transfer

ROOMS = {
    "gateway": gateway.metadata,
    "manifest": manifest.metadata,
    "policy": policy.metadata,
    "transfer": transfer.metadata,
}


@pytest.mark.parametrize(("room", "expected"), ROOMS.items(), ids=ROOMS)
def test_a_migrated_database_has_the_tables_of_its_room(room: str, expected: MetaData, tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "room.db")

    migrate(engine, room)

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), expected) == []
    engine.dispose()
