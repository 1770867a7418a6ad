"""Builders: model folders, manifests, chunk maps, and a clock."""

import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.digest import sha256
from engine.manifest import Chunk, ChunkMap, FileChunks, Manifest, Packed, pack

CREATED = datetime(2026, 6, 1, 12, tzinfo=UTC)


def safetensors(tensors: Mapping[str, bytes], **header: Any) -> bytes:
    """Encode a safetensors file; keywords replace or add entries of its header."""
    entries: dict[str, Any] = {}
    end = 0
    for name, data in tensors.items():
        entries[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [end, end + len(data)]}
        end += len(data)
    encoded = json.dumps(entries | header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + b"".join(tensors.values())


def model_files() -> dict[str, bytes]:
    """A small Hugging Face folder."""
    return {
        "README.md": b"---\nlicense: apache-2.0\npipeline_tag: text-classification\n---\n# Sentiment\n",
        "config.json": b'{"architectures": ["BertModel"]}',
        "model.safetensors": safetensors({"a": b"\1" * 100, "b": b"\2" * 300_000}),
        "nested/deeper/vocab.txt": b"good\nbad\n",
        "empty.txt": b"",
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def packed(folder: Path, **stated: Any) -> Packed:
    return pack(
        folder,
        **{"name": "sentiment", "version": "3.1", "organization": "acme.example", "created": CREATED} | stated,
    )


def described(**fields: Any) -> dict[str, Any]:
    """A manifest's JSON; keywords replace its fields."""
    files = fields.pop("files", {"a.txt": b"alpha", "b.txt": b""})
    return {
        "format": "lading/manifest/v1",
        "name": "sentiment",
        "version": "3.1",
        "organization": "acme.example",
        "created": "2026-06-01T12:00:00.000Z",
        "files": [entry(path, data) for path, data in files.items()] if isinstance(files, dict) else files,
    } | fields


def entry(path: str, data: bytes = b"", **fields: Any) -> dict[str, Any]:
    return {
        "path": path,
        "size": len(data),
        "sha256": sha256(data),
        "executable": False,
        "role": "other",
        "format": "text",
    } | fields


def manifest_of(**fields: Any) -> Manifest:
    return Manifest.model_validate_json(json.dumps(described(**fields)))


def chunks_of(files: Mapping[str, bytes], *, each: int = 4 << 20) -> ChunkMap:
    """Cut files every `each` bytes."""
    return ChunkMap(
        files=tuple(
            FileChunks(
                path=path,
                chunks=tuple(
                    Chunk(sha256(data[i : i + each]), len(data[i : i + each])) for i in range(0, len(data), each)
                ),
            )
            for path, data in files.items()
        )
    )


class Watch:
    """A clock that goes forward one hour whenever it is read."""

    def __init__(self) -> None:
        self.now = CREATED

    def __call__(self) -> datetime:
        self.now = self.now.replace(hour=self.now.hour + 1)
        return self.now
