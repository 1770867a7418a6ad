"""Reading the registry, also while its owner writes: what screens and other processes use.

INVARIANT: what is read back is what was put in. The manifest is parsed again and its root digest compared.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from engine.errors import IntegrityError, ManifestError
from engine.manifest import tables
from engine.manifest.artifact import Artifact, Known, resolve
from engine.manifest.chunks import parse_chunk_map
from engine.manifest.manifest import parse_manifest


class RegistryReader:
    """The artifacts of one workspace, to look at.

    Args:
        engine: the registry's database, from `engine.database.open_read_only`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, ref: str) -> Artifact:
        """Return the artifact that a person means.

        Args:
            ref: a root digest, 8 or more characters that only one begins with, or `NAME:VERSION`.

        Raises:
            InputError: none or more than one matches; the remedy lists those that are near.
            IntegrityError: the database was changed by somebody else.
        """
        with self._engine.begin() as connection:
            return self._held(connection, resolve(ref, self._known(connection)))

    def _known(self, connection: Connection) -> Sequence[Known]:
        columns = tables.artifact.c
        rows = connection.execute(select(columns.root, columns.name, columns.version, columns.origin))
        return [Known(row.root, f"{row.name}:{row.version}", row.origin) for row in rows]

    def _find(self, connection: Connection, root: str) -> Artifact | None:
        table = tables.artifact
        row = connection.execute(select(table).where(table.c.root == root)).one_or_none()
        return None if row is None else _artifact(row)

    def _held(self, connection: Connection, root: str) -> Artifact:
        table = tables.artifact
        return _artifact(connection.execute(select(table).where(table.c.root == root)).one())

    def list(self) -> tuple[Artifact, ...]:
        """Return every artifact, by name, version and origin.

        Raises:
            IntegrityError: the database was changed by somebody else.
        """
        table = tables.artifact
        query = select(table).order_by(table.c.name, table.c.version, table.c.origin)
        with self._engine.begin() as connection:
            return tuple(_artifact(row) for row in connection.execute(query))


def _artifact(row: Row[Any]) -> Artifact:
    try:
        manifest = parse_manifest(row.manifest)
        chunks = parse_chunk_map(row.chunks, manifest)
    except ManifestError as error:
        raise _altered(row.root, str(error)) from None
    if (manifest.root, manifest.name, manifest.version) != (row.root, row.name, row.version):
        raise _altered(row.root, f"its manifest is of {manifest.name}:{manifest.version}, {manifest.root}")
    return Artifact(
        root=row.root,
        name=row.name,
        version=row.version,
        origin=row.origin,
        source=None if row.source is None else Path(os.fsdecode(row.source)),
        state=row.state,
        manifest=manifest,
        chunks=chunks,
        transfer=row.transfer,
        agreement=row.agreement,
        actor=row.actor,
        added=datetime.fromisoformat(row.added),
    )


def _altered(root: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"the registry's row of {root} was changed: {why}", remedy="Restore registry.db from a backup."
    )
