"""Where an artifact's bytes are: in the folder it was packed from, or, if it was received, in the sealed store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.checks import arrived_files, source_files
from engine.errors import UsageError
from engine.findings import Finding
from engine.manifest import FileEntry, Manifest
from engine.manifest.artifact import Artifact
from engine.store import Scope, Store
from engine.wire.upload import FilePlace, Place


class Source(Protocol):
    """Gives the bytes of one artifact."""

    def check(self, manifest: Manifest) -> Iterator[Finding]:
        """Find what differs from the manifest; every byte is read."""
        ...

    def place(self, path: str, offset: int, sha256: str) -> Place:
        """Return where a chunk is: by file and offset in bytes, and by digest."""
        ...


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The folder an artifact was packed from."""

    folder: Path

    def check(self, manifest: Manifest) -> Iterator[Finding]:
        """Find what changed in the folder."""
        return source_files(self.folder, manifest)

    def place(self, path: str, offset: int, sha256: str) -> Place:  # noqa: ARG002 - a folder knows files, not digests
        """Return a place in a file."""
        return FilePlace(self.folder / path, offset)


@dataclass(frozen=True, slots=True)
class StoreSource:
    """What was received under an agreement.

    Attributes:
        store: the sealed store.
        scope: of the agreement.
        chunks: SHA-256 of the chunks of each file, in order.
    """

    store: Store
    scope: Scope
    chunks: dict[str, tuple[str, ...]]

    def check(self, manifest: Manifest) -> Iterator[Finding]:
        """Hash every file again from what is stored."""

        def read(entry: FileEntry) -> Iterable[memoryview]:
            return self.store.pieces(self.scope, self.chunks[entry.path])  # the check digests the whole file

        return arrived_files(manifest, read)

    def place(self, path: str, offset: int, sha256: str) -> Place:  # noqa: ARG002 - the store knows digests, not files
        """Return a place in the store."""
        return StorePlace(self.store, self.scope, sha256)


@dataclass(frozen=True, slots=True)
class StorePlace:
    """A chunk in the sealed store."""

    store: Store
    scope: Scope
    sha256: str

    def read(self, content: memoryview) -> int:
        """Fill `content` with the chunk, its digest computed from the bytes on disk.

        Raises:
            IntegrityError: what is on disk was altered.
            StoreError: it is not there, or the disk is broken.
        """
        for piece in self.store.assemble(self.scope, [self.sha256]):
            if len(piece) != len(content):
                return len(piece)
            content[:] = piece
        return len(content)

    def __str__(self) -> str:
        """Name the chunk and its agreement."""
        return f"the chunk {self.sha256} in the store, under agreement {self.scope.agreement}"


def source_of(store: Store, artifact: Artifact) -> Source:
    """Return where an artifact's bytes are.

    Raises:
        UsageError: its registry entry names neither a folder nor an agreement it was received under.
        IntegrityError, StoreError: the store's scope cannot be opened.
    """
    if artifact.source is not None:
        return FolderSource(artifact.source)
    if artifact.agreement is None:
        raise UsageError(
            f"{artifact.label} of {artifact.origin} has neither a source folder nor an agreement it came under",
            remedy="Have it delivered again, or pack it.",
        )
    chunks = {file.path: tuple(chunk.sha256 for chunk in file.chunks) for file in artifact.chunks.files}
    return StoreSource(store, store.open_scope(artifact.agreement), chunks)
