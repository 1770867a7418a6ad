"""Pack: a folder becomes a manifest and a chunk map."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from engine.errors import ManifestError, SourceChanged
from engine.events import timestamp
from engine.manifest.chunks import MAX_CHUNK_MAP_BYTES, ChunkMap, FileChunks
from engine.manifest.description import described, describes
from engine.manifest.fields import first_fault
from engine.manifest.formats import role_of
from engine.manifest.hashing import Cutting, Hashed
from engine.manifest.licences import spdx
from engine.manifest.manifest import MAX_FILES, MAX_MANIFEST_BYTES, Manifest
from engine.manifest.reading import Progress, read_files
from engine.manifest.walk import Walk, opened, walk

_FIXED: Final = frozenset({"format", "name", "version", "organization", "created", "files"})
"""Fields that nobody can override: they are given by name, or found."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A folder, described."""

    manifest: Manifest
    chunks: ChunkMap


def pack(
    folder: Path,
    *,
    name: str,
    version: str,
    organization: str,
    created: datetime,
    overrides: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    threads: int = 2,
) -> Packed:
    """Describe a folder: every file read once, whole and unchanged, or nothing at all.

    What the folder says of itself (model card, configuration, requirements) is taken over; `overrides` wins.

    Args:
        folder: the artifact's files, and nothing else.
        name: what people call it.
        version: which version of it.
        organization: the origin.
        created: now; the root digest does not depend on it.
        overrides: further manifest fields as JSON values, such as `{"sensitivity": "confidential"}`; None as a
            value takes a field back that the folder states.
        progress: called with the bytes done and the bytes in all, by one thread at a time.
        threads: how many files to read at the same time.

    Raises:
        ManifestError: the folder holds what no artifact can hold (symlinks, special files, empty folders, git's
            own files, unreadable ones, paths unsafe elsewhere), or a field is not acceptable.
        SourceChanged: somebody wrote to the folder meanwhile.
    """
    with opened(folder) as root, ThreadPoolExecutor(threads, "chunks") as beside:
        before = walk(root)
        _check_whole(folder, before)
        cutting = Cutting(beside, describes)
        files = read_files(root, before.files, cutting, progress=progress, threads=threads)
        _check_same(before, walk(root))
    stated = {"name": name, "version": version, "organization": organization, "created": timestamp(created)}
    manifest = _manifest(files, stated, overrides or {})
    chunks = ChunkMap(files=tuple(FileChunks(path=each.file.path, chunks=each.chunks) for each in files))
    _check_size("manifest", manifest.canonical(), MAX_MANIFEST_BYTES)
    _check_size("chunk map", chunks.canonical(), MAX_CHUNK_MAP_BYTES)
    return Packed(manifest, chunks)


def _manifest(files: list[Hashed], stated: Mapping[str, str], overrides: Mapping[str, object]) -> Manifest:
    fixed = sorted(_FIXED & set(overrides))
    if fixed:
        raise ManifestError(f"{fixed[0]} cannot be overridden", remedy="Leave it out: it is given or found.")
    fields: dict[str, Any] = {
        **described({each.file.path: each.head for each in files if each.head is not None}),
        **overrides,
        **stated,
        "files": [_entry(each) for each in files],
    }
    if isinstance(overrides.get("licence"), str):
        fields["licence"] = _licence(fields["licence"])
    try:
        # Through JSON text, because strict validation takes lists and RFC 3339 times from JSON alone.
        return Manifest.model_validate_json(json.dumps({k: v for k, v in fields.items() if v is not None}))
    except ValidationError as error:
        raise ManifestError(
            first_fault(error), remedy="Mend the model card, or state the field when you pack."
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ManifestError(f"the fields stated are no JSON values: {error}", remedy="Mend them.") from None


def _entry(hashed: Hashed) -> dict[str, str | int | bool]:
    file = hashed.file
    return {
        "path": file.path,
        "size": file.size,
        "sha256": hashed.sha256,
        "executable": file.executable,
        "role": role_of(file.path, hashed.format),
        "format": hashed.format,
    }


def _licence(text: str) -> str:
    try:
        return spdx(text)
    except ValueError as error:
        raise ManifestError(f"licence: {error}", remedy="See https://spdx.org/licenses for the names.") from None


def _check_whole(folder: Path, found: Walk) -> None:
    if found.refused:
        first, *more = found.refused
        others = f" (and {len(more)} more such)" if more else ""
        raise ManifestError(f"{folder}: {first.message}{others}", remedy=first.remedy)
    if not found.files:
        raise ManifestError(f"{folder} holds no files", remedy="Name the folder that the model's files are in.")
    if len(found.files) > MAX_FILES:
        raise ManifestError(
            f"{folder} holds {len(found.files)} files, at most {MAX_FILES} fit into a manifest",
            remedy="Pack parts of it as artifacts of their own, or archive the small files.",
        )


def _check_same(before: Walk, after: Walk) -> None:
    changed = set(before.files).symmetric_difference(after.files)
    paths = sorted({file.path for file in changed} | {finding.subject for finding in after.refused})
    if paths:
        raise SourceChanged(
            f"{paths[0]!r} changed while the folder was packed",
            remedy="Wait until nobody writes to the folder, and pack it again.",
        )


def _check_size(what: str, data: bytes, limit: int) -> None:
    if len(data) > limit:
        raise ManifestError(
            f"the {what} would be {len(data)} bytes long, at most {limit} are read",
            remedy="Pack parts of the folder as artifacts of their own, or archive the small files.",
        )
