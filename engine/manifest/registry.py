"""The registry: which artifacts this organization holds, in which versions and states.

INVARIANTS
- One root digest stands once, under one name and version of one origin.
- One version of one origin has one content for ever.
- What was received is quarantined until somebody releases it, and again whenever it is delivered anew.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select

from engine.database import migrate
from engine.database.gone import Gone
from engine.errors import InputError, ManifestError
from engine.events import Clock, timestamp
from engine.manifest import tables
from engine.manifest.artifact import Artifact, State, resolve
from engine.manifest.chunks import ChunkMap
from engine.manifest.manifest import Manifest
from engine.manifest.pack import Packed
from engine.manifest.registry_reader import RegistryReader

_NEXT: Final[Mapping[str, frozenset[str]]] = {
    "packed": frozenset(),
    "quarantined": frozenset({"released", "rejected"}),
    "released": frozenset({"quarantined", "rejected"}),
    "rejected": frozenset({"quarantined"}),
}


class Registry(RegistryReader):
    """The artifacts of one workspace, for the process that owns it.

    Args:
        engine: the registry's database, from `engine.database.open_engine`; its tables are brought up to date.
        clock: tells when artifacts are added.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        super().__init__(engine)
        self._clock = clock
        migrate(engine, "manifest")

    def add_packed(self, packed: Packed, source: Path, actor: str) -> Artifact:
        """Register what was packed here; the same again changes nothing.

        Packing the same files under the same name and version with another description replaces the description:
        compare `manifest.digest` to know whether it has to be signed again.

        Args:
            packed: the description.
            source: the folder it was made from.
            actor: the identity that packed it.

        Raises:
            ManifestError: the version stands for other files, or the files for another artifact.
        """
        origin = packed.manifest.organization
        values = {"origin": origin, "state": "packed", "source": os.fsencode(source.absolute()), "actor": actor}
        with self._engine.begin() as connection:
            self._check_free(connection, packed.manifest, origin)
            held = self._find(connection, packed.manifest.root)
            if held and held.state == "packed" and _same_description(held.manifest, packed.manifest):
                if held.source == source.absolute():
                    return held
                packed = Packed(held.manifest, held.chunks)
            return self._put(connection, packed.manifest, packed.chunks, values)

    def add_received(
        self, manifest: Manifest, chunks: ChunkMap, transfer: str, agreement: str, origin: str
    ) -> Artifact:
        """Register what a partner delivered, in quarantine; the same transfer again changes nothing.

        Another transfer of the same artifact puts it back into quarantine, under its own agreement. What was
        packed here stays as it is.

        Args:
            manifest: what was delivered.
            chunks: how its files are cut.
            transfer: the transfer's id.
            agreement: digest of the agreement it was made under.
            origin: the organization it comes from.

        Raises:
            ManifestError: the version stands for other files, or the files for another artifact.
        """
        values = {"origin": origin, "state": "quarantined", "transfer": transfer, "agreement": agreement}
        with self._engine.begin() as connection:
            self._check_free(connection, manifest, origin)
            held = self._find(connection, manifest.root)
            if held and (held.state == "packed" or held.transfer == transfer):
                return held
            return self._put(connection, manifest, chunks, values)

    def set_state(self, root: str, state: State) -> Artifact:
        """Release, reject or quarantine what was received; the state it has already changes nothing.

        Raises:
            InputError: there is no such artifact, or it cannot go from its state to this one.
        """
        table = tables.artifact
        with self._engine.begin() as connection:
            held = self._held(connection, resolve(root, self._known(connection)))
            if state != held.state and state not in _NEXT[held.state]:
                raise InputError(
                    f"{held.label} is {held.state} and cannot become {state}",
                    remedy="Quarantine what was rejected and check it again; what was packed here stays so.",
                )
            connection.execute(table.update().where(table.c.root == held.root).values(state=state))
            return self._held(connection, held.root)

    def forget(self, root: str, gone: Gone) -> None:
        """Let an artifact's row not name who entered it, if that was erased."""
        table = tables.artifact
        with self._engine.begin() as connection:
            actor = connection.execute(select(table.c.actor).where(table.c.root == root)).scalar_one_or_none()
            if gone.text(actor):
                connection.execute(table.update().where(table.c.root == root).values(actor=None))

    def check_free(self, manifest: Manifest) -> None:
        """Check that an artifact could be registered as it is described.

        Raises:
            ManifestError: the version stands for other files, or the files for another artifact.
        """
        with self._engine.begin() as connection:
            self._check_free(connection, manifest, manifest.organization)

    def _check_free(self, connection: Connection, manifest: Manifest, origin: str) -> None:
        label = f"{manifest.name}:{manifest.version}"
        for held in self._known(connection):
            same_files = held.root == manifest.root
            if (held.label, held.origin) == (label, origin) and not same_files:
                raise ManifestError(
                    f"{label} of {origin} stands for the root {held.root}, found other files: {manifest.root}",
                    remedy="One version is one content for ever: give the changed files a new version.",
                )
            if same_files and (held.label, held.origin) != (label, origin):
                raise ManifestError(
                    f"exactly these files are held as {held.label} of {held.origin}, found {label} of {origin}",
                    remedy=f"Use {held.label}: a new version needs changed files.",
                )

    def _put(
        self, connection: Connection, manifest: Manifest, chunks: ChunkMap, values: Mapping[str, object]
    ) -> Artifact:
        table = tables.artifact
        connection.execute(table.delete().where(table.c.root == manifest.root))
        row = {
            "root": manifest.root,
            "name": manifest.name,
            "version": manifest.version,
            "manifest": manifest.canonical(),
            "chunks": chunks.canonical(),
            "added": timestamp(self._clock()),
        }
        connection.execute(table.insert().values(row | dict(values)))
        return self._held(connection, manifest.root)


def _same_description(one: Manifest, other: Manifest) -> bool:
    return one.model_dump(exclude={"created"}) == other.model_dump(exclude={"created"})
