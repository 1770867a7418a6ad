"""What an artifact is: its manifest, its chunks, and the registry of those this organization holds.

    manifest     Manifest: what one version of an artifact is, file by file
    parts        the sections of a manifest: files, lineage, datasets, metrics, …
    fields       the kinds of values they are written in
    paths        which paths are safe and mean the same everywhere
    licences     SPDX expressions
    chunks       ChunkMap: the pieces that travel and are stored
    cuts         where files are cut
    pack         a folder becomes a manifest and a chunk map
    description  what the folder says of itself: model card, configuration, requirements
    verify       a folder held against a manifest
    walk, reading, hashing, formats, safetensors     how packing looks at files
    registry     the artifacts held, in which state (imports SQLAlchemy, so ask for it by its own name)
    registry_reader  the same to look at, also while another process writes

INVARIANTS
- Every byte is covered: what an artifact cannot hold is refused, never skipped.
- The root digest depends on the files alone: the same folder has the same root on every machine, at any time.
- What is read from outside is canonical, so one meaning has one digest.
- A path accepted here can be written on any machine, and stays inside the folder it is written to.

The formats are in `docs/formats/manifest.md` and `docs/formats/chunks.md`: canonical JSON (RFC 8785), SHA-256
(FIPS 180-4), SPDX expressions (SPDX 2.3 annex D), package URLs (ECMA-427).
"""

from engine.manifest.chunks import CHUNK_BYTES, MAX_CHUNK_MAP_BYTES, Chunk, ChunkMap, FileChunks, parse_chunk_map
from engine.manifest.manifest import (
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    Manifest,
    manifest_schema,
    parse_manifest,
    root_digest,
)
from engine.manifest.pack import Packed, pack
from engine.manifest.parts import Dataset, Dependency, FileEntry, Metric, Parent, Reproducibility
from engine.manifest.paths import check_path
from engine.manifest.verify import verify_folder

__all__ = [
    "CHUNK_BYTES",
    "MAX_CHUNK_MAP_BYTES",
    "MAX_FILES",
    "MAX_MANIFEST_BYTES",
    "Chunk",
    "ChunkMap",
    "Dataset",
    "Dependency",
    "FileChunks",
    "FileEntry",
    "Manifest",
    "Metric",
    "Packed",
    "Parent",
    "Reproducibility",
    "check_path",
    "manifest_schema",
    "pack",
    "parse_chunk_map",
    "parse_manifest",
    "root_digest",
    "verify_folder",
]
