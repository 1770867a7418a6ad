"""Bring a room's tables to the shape its code expects: its numbered migrations, run by alembic."""

import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from engine.errors import WorkspaceError

_ENGINE: Final = Path(__file__).parents[1]
_ENVIRONMENT: Final = Path(__file__).parent / "migrations"

# alembic hands its context to migration scripts through module globals.
_ONE_AT_A_TIME: Final = threading.Lock()


def migrate(engine: Engine, room: str) -> None:
    """Run the migrations of a room that its database has not seen, all in one transaction.

    Args:
        engine: the room's database, from `open_engine`.
        room: the package whose `migrations/NNNN_*.py` to run, such as `manifest`.

    Raises:
        WorkspaceError: the database is damaged, or was written by a newer lading.
    """
    _migrate_from(engine, _ENGINE / room / "migrations")


def _migrate_from(engine: Engine, folder: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", _escaped(_ENVIRONMENT))
    config.set_main_option("version_locations", _escaped(folder))
    config.set_main_option("path_separator", "newline")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    try:
        with _ONE_AT_A_TIME, engine.begin() as connection:
            seen = set(MigrationContext.configure(connection).get_current_heads())
            if not seen <= known:
                raise WorkspaceError(
                    f"{engine.url.database}: found schema {', '.join(sorted(seen - known))}, "
                    f"expected at most {max(known, default='none')}",
                    remedy="A newer lading wrote it: use that one, or restore the backup from before the upgrade.",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DatabaseError as error:
        raise WorkspaceError(
            f"{engine.url.database} cannot be migrated: {error.orig}",
            remedy="Check that it is the right file and the disk is not full; restore it from a backup if not.",
        ) from error


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")  # alembic's configuration interpolates
