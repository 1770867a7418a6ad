"""Whatever the folder: every byte is in exactly one chunk, and the same files have the same root."""

import json
import os
import struct
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.digest import sha256
from engine.errors import ManifestError
from engine.manifest import CHUNK_BYTES, Manifest, Packed, pack, parse_chunk_map, parse_manifest
from engine.manifest.cuts import LARGE_TENSOR_BYTES, fixed_cuts, tensor_cuts
from engine.manifest.paths import MAX_PATH_BYTES, check_path, check_paths
from engine.manifest.safetensors import tensor_sizes

CREATED = datetime(2026, 6, 1, tzinfo=UTC)

edges = st.sampled_from([0, 1, LARGE_TENSOR_BYTES, CHUNK_BYTES, 2 * CHUNK_BYTES])
sizes = st.builds(lambda edge, off: max(0, edge + off), edges, st.integers(-2, 2)) | st.integers(0, 1 << 50).map(
    lambda size: size % (1 << 26)
)
names = st.text(st.sampled_from("abcXYZ019._- ü日"), min_size=1, max_size=8)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
folders = st.dictionaries(paths, st.binary(max_size=50), min_size=1, max_size=8)


def acceptable(files: dict[str, bytes]) -> bool:
    try:
        check_paths(sorted(check_path(path) for path in files))
    except ValueError:
        return False
    return True


def packed(files: dict[str, bytes], order: list[str]) -> Packed:
    """Pack a new folder, its files created in `order`."""
    with tempfile.TemporaryDirectory() as folder:
        for path in order:
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[path])
        return pack(Path(folder), name="a", version="1", organization="acme.example", created=CREATED)


@given(sizes)
def test_fixed_cuts_cover_every_byte_once(size: int) -> None:
    cuts = list(fixed_cuts(size))
    assert sum(cuts) == size
    assert all(0 < cut <= CHUNK_BYTES for cut in cuts)
    assert all(cut == CHUNK_BYTES for cut in cuts[:-1])


@given(st.lists(sizes, max_size=12))
def test_tensor_cuts_cover_every_byte_once_and_keep_large_tensors_to_themselves(tensors: list[int]) -> None:
    cuts = list(tensor_cuts(tensors))
    assert sum(cuts) == sum(tensors)
    assert all(0 < cut <= CHUNK_BYTES for cut in cuts)
    ends = {sum(cuts[: n + 1]) for n in range(len(cuts))} | {0}
    for number, tensor in enumerate(tensors):
        if tensor >= LARGE_TENSOR_BYTES:
            begin = sum(tensors[:number])
            assert {begin, begin + tensor} <= ends


@given(st.lists(st.integers(0, 1000), max_size=8), st.randoms(use_true_random=False))
def test_a_header_is_understood_in_whatever_order_it_names_its_tensors(tensors: list[int], random: Any) -> None:
    ends = [sum(tensors[: n + 1]) for n in range(len(tensors))]
    entries = [
        (f"t{n}", {"dtype": "U8", "shape": [size], "data_offsets": [end - size, end]})
        for n, (size, end) in enumerate(zip(tensors, ends, strict=True))
    ]
    random.shuffle(entries)
    encoded = json.dumps(dict(entries)).encode()
    header = struct.pack("<Q", len(encoded)) + encoded
    found = tensor_sizes(header, len(header) + sum(tensors))
    assert [size for size in found if size] == [size for size in tensors if size]
    assert len(found) == len(tensors)


@settings(max_examples=40)
@given(folders.filter(acceptable), st.randoms(use_true_random=False))
def test_the_same_files_have_the_same_root_in_whatever_order_they_were_made(
    files: dict[str, bytes], random: Any
) -> None:
    order = list(files)
    one = packed(files, order)
    random.shuffle(order)
    assert packed(files, order) == one
    assert [file.path for file in one.manifest.files] == sorted(files)


@settings(max_examples=40)
@given(folders.filter(acceptable))
def test_a_packed_folder_can_be_read_and_put_together_again(files: dict[str, bytes]) -> None:
    result = packed(files, list(files))
    manifest = parse_manifest(result.manifest.canonical())
    chunks = parse_chunk_map(result.chunks.canonical(), manifest)
    for file in chunks.files:
        data, cut = files[file.path], 0
        for chunk in file.chunks:
            assert sha256(data[cut : cut + chunk.size]) == chunk.sha256
            cut += chunk.size
        assert cut == len(data)


@given(st.text(st.sampled_from("ab./\\\0\n\u202eüu\u0308\ud800G git"), max_size=12) | st.text(max_size=30))
def test_a_path_that_is_accepted_stays_inside_and_can_be_written(path: str) -> None:
    try:
        check_path(path)
    except ValueError:
        return
    assert os.path.normpath(os.path.join("/root", path)) == f"/root/{path}"  # noqa: PTH118 - what it must not do
    assert len(path.encode()) <= MAX_PATH_BYTES
    assert not any(part.lower().startswith(".git") for part in path.split("/"))


@given(st.sampled_from(["../", "/", "a/../../", "./", "a//", "..\\", "\0", ".git/", "\n"]), paths)
def test_a_hostile_path_makes_the_whole_manifest_unacceptable(prefix: str, path: str) -> None:
    manifest = packed_once().to_json()
    [file] = manifest["files"]  # type: ignore[misc]
    hostile = json.dumps(manifest | {"files": [dict(file) | {"path": prefix + path}]})  # type: ignore[arg-type]
    with pytest.raises(ManifestError):
        parse_manifest(hostile.encode())
    with pytest.raises(ValueError, match=r"files\.0\.path"):
        Manifest.model_validate_json(hostile)


def packed_once() -> Manifest:
    return Manifest.model_validate_json(
        json.dumps(
            {
                "name": "a",
                "version": "1",
                "organization": "acme.example",
                "created": "2026-06-01T00:00:00.000Z",
                "files": [
                    {
                        "path": "a",
                        "size": 0,
                        "sha256": sha256(b""),
                        "executable": False,
                        "role": "other",
                        "format": "text",
                    }
                ],
            }
        )
    )
