"""A chunk map is believed only where it agrees with the manifest and with itself."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.digest import canonical, sha256
from engine.errors import ManifestError
from engine.manifest import CHUNK_BYTES, parse_chunk_map
from tests.unit.manifest.builders import chunks_of, entry, manifest_of

FILES = {"a.txt": b"alphabet", "b.txt": b"beta", "empty": b""}
MANIFEST = manifest_of(files=FILES)

Spoil = Callable[[list[Any]], Any]


def mapped(spoil: Spoil) -> bytes:
    """The chunk map of `FILES`, cut every 5 bytes, its list of files spoiled."""
    files = [each.model_dump(mode="json") for each in chunks_of(FILES, each=5).files]
    return canonical({"format": "lading/chunks/v1", "files": spoil(files) or files})


def test_a_map_that_agrees_is_read_and_written_alike() -> None:
    chunks = chunks_of(FILES, each=5)
    again = parse_chunk_map(chunks.canonical(), MANIFEST)
    assert again == chunks
    assert again.digest == sha256(chunks.canonical())


def test_a_chunk_that_stands_in_two_places_counts_once() -> None:
    chunks = chunks_of({"a": b"onetwoone", "b": b"twosix"}, each=3)
    assert [chunk.sha256 for chunk in chunks.distinct] == [sha256(b"one"), sha256(b"two"), sha256(b"six")]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda files: files[:1], "1 files, the manifest 3"),
        (lambda files: [*files, {"path": "z", "chunks": []}], "'z' stands in one"),
        (lambda files: [files[1], files[0], files[2]], "their order differs"),
        (lambda files: files[0]["chunks"].pop(), "5 bytes, the file 8"),
        (lambda files: files[0]["chunks"].append(["0" * 64, 1]), "9 bytes, the file 8"),
        (lambda files: files[1]["chunks"].__setitem__(0, ["0" * 64, 4]), "is one chunk"),
        (lambda files: files[1]["chunks"].__setitem__(0, [files[0]["chunks"][0][0], 4]), "is one chunk"),
        (lambda files: files[0]["chunks"].__setitem__(1, [files[0]["chunks"][0][0], 3]), "two sizes: 5 and 3"),
        (lambda files: files[0]["chunks"].append(["0" * 64, 0]), "files.0.chunks.2"),
        (lambda files: files[0]["chunks"].append(["0" * 64, CHUNK_BYTES + 1]), "files.0.chunks.2"),
        (lambda files: files[0]["chunks"].append(["0" * 64, -3]), "files.0.chunks.2"),
        (lambda files: files[0]["chunks"].append(["xyz", 1]), "files.0.chunks.2"),
        (lambda files: files[0]["chunks"].append({"sha256": "0" * 64, "size": 1}), "files.0.chunks.2|canonical"),
        (lambda files: files[0].update(path="../x"), "files.0.path"),
        (lambda files: files[0].update(more=1), "files.0.more"),
    ],
)
def test_a_map_that_contradicts_is_refused(spoil: Spoil, why: str) -> None:
    def spoiled(files: list[Any]) -> Any:
        result = spoil(files)
        return result if isinstance(result, list) and result and "path" in result[0] else None

    with pytest.raises(ManifestError, match=why) as caught:
        parse_chunk_map(mapped(spoiled), MANIFEST)
    assert caught.value.remedy


def test_an_empty_file_must_have_the_digest_of_nothing() -> None:
    lying = manifest_of(files=[entry("empty", sha256="0" * 64)])
    with pytest.raises(ManifestError, match="is one chunk"):
        parse_chunk_map(chunks_of({"empty": b""}).canonical(), lying)


@pytest.mark.parametrize("data", [b"", b"[]", chunks_of(FILES, each=5).canonical() + b" ", b'{"a":1,"a":1}'])
def test_what_is_no_canonical_map_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_chunk_map(data, MANIFEST)
