"""The chunk map: every file of an artifact as pieces of at most 4 MiB, each known by its digest.

Chunks are what travels and what is stored. The map is bound by the signed offer, so a receiver can check each
chunk when it arrives, in any order, and needs to trust nobody's word for it.
"""

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import InputError, ManifestError
from engine.manifest.fields import Digest, Path, Section, first_fault
from engine.manifest.manifest import Manifest
from engine.manifest.parts import FileEntry

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""The size of the largest chunk."""

MAX_CHUNK_MAP_BYTES: Final = 32 * 1024 * 1024
"""Enough for artifacts of about 1.5 TiB."""
MAX_CHUNK_MAP_VALUES: Final = 3 << 19
"""The most lists, objects and commas: as many as a map of `MAX_CHUNK_MAP_BYTES` has, one file or very many."""

_ASK_ORIGIN: Final = "Ask the sender to pack the artifact again and to send a new offer."


class Chunk(NamedTuple):
    """A piece of a file; written as `[sha256, size]`, the size in bytes."""

    sha256: Digest
    size: Annotated[int, Field(ge=1, le=CHUNK_BYTES)]


class FileChunks(Section):
    """The chunks of one file, in order; an empty file has none."""

    path: Path
    chunks: tuple[Chunk, ...]


class ChunkMap(Section):
    """How each file of an artifact is cut (`docs/formats/chunks.md`); files in the manifest's order."""

    format: Literal["lading/chunks/v1"] = "lading/chunks/v1"
    files: tuple[FileChunks, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form."""
        return sha256(self.canonical())

    @property
    def distinct(self) -> tuple[Chunk, ...]:
        """Every chunk once, in the order of its first appearance."""
        return tuple(dict.fromkeys(chunk for file in self.files for chunk in file.chunks))

    def canonical(self) -> bytes:
        """Return the map as canonical JSON (RFC 8785)."""
        values: dict[str, JSON] = self.model_dump(mode="json")
        return canonical(values)


def parse_chunk_map(data: bytes, manifest: Manifest) -> ChunkMap:
    """Read a chunk map from outside and hold it against the manifest it belongs to.

    Raises:
        ManifestError: it is over 32 MiB, not canonical, malformed, or contradicts the manifest or itself.
    """
    try:
        parse_json(data, what="the chunk map", limit=MAX_CHUNK_MAP_BYTES, values=MAX_CHUNK_MAP_VALUES)
        chunks = ChunkMap.model_validate_json(data)
    except InputError as error:
        raise ManifestError(str(error), remedy=_ASK_ORIGIN) from None
    except ValidationError as error:
        raise ManifestError(f"the chunk map: {first_fault(error)}", remedy=_ASK_ORIGIN) from None
    if chunks.canonical() != data:
        raise ManifestError("the chunk map is not in its canonical form (RFC 8785)", remedy=_ASK_ORIGIN)
    _check_consistent(chunks, manifest)
    return chunks


def _check_consistent(chunks: ChunkMap, manifest: Manifest) -> None:
    described = [file.path for file in manifest.files]
    mapped = [file.path for file in chunks.files]
    if mapped != described:
        strange = sorted(set(mapped) ^ set(described))
        which = f"{strange[0]!r} stands in one of the two only" if strange else "their order differs"
        raise ManifestError(
            f"the chunk map has {len(mapped)} files, the manifest {len(described)}: {which}", remedy=_ASK_ORIGIN
        )
    for entry, file in zip(manifest.files, chunks.files, strict=True):
        _check_file(entry, file)
    sizes: dict[str, int] = {}
    for chunk in chunks.distinct:
        if sizes.setdefault(chunk.sha256, chunk.size) != chunk.size:
            raise ManifestError(
                f"the chunk map gives {chunk.sha256} two sizes: {sizes[chunk.sha256]} and {chunk.size} bytes",
                remedy=_ASK_ORIGIN,
            )


def _check_file(entry: FileEntry, file: FileChunks) -> None:
    total = sum(chunk.size for chunk in file.chunks)
    if total != entry.size:
        raise ManifestError(
            f"the chunks of {entry.path!r} are {total} bytes, the file {entry.size}", remedy=_ASK_ORIGIN
        )
    whole = file.chunks[0].sha256 if file.chunks else sha256(b"")
    if len(file.chunks) <= 1 and whole != entry.sha256:
        raise ManifestError(
            f"{entry.path!r} is one chunk with SHA-256 {whole}, but its own is {entry.sha256}", remedy=_ASK_ORIGIN
        )
