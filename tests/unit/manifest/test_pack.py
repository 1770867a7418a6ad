"""Packing covers every byte once, in bounded memory, and notices whoever writes meanwhile."""

import hashlib
import json
import os
import shutil
import sys
import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from engine.digest import sha256
from engine.errors import LadingError, ManifestError, SourceChanged
from engine.manifest import Chunk, parse_chunk_map, parse_manifest
from tests.unit.manifest.builders import CREATED, model_files, packed, safetensors, write_files

MIB = 1 << 20


def test_a_folder_is_described_file_by_file(folder: Path) -> None:
    manifest = packed(folder).manifest
    files = model_files()
    assert {file.path: (file.size, file.sha256) for file in manifest.files} == {
        path: (len(data), sha256(data)) for path, data in files.items()
    }
    assert [file.path for file in manifest.files] == sorted(files)
    assert {file.path: (file.role, file.format) for file in manifest.files} == {
        "README.md": ("documentation", "markdown"),
        "config.json": ("config", "json"),
        "empty.txt": ("documentation", "text"),
        "model.safetensors": ("weights", "safetensors"),
        "nested/deeper/vocab.txt": ("tokenizer", "text"),
    }
    assert (manifest.licence, manifest.task) == ("Apache-2.0", "text-classification")
    assert (manifest.architecture, manifest.sensitivity) == ("BertModel", "internal")


def test_what_is_packed_is_what_a_partner_can_read(folder: Path) -> None:
    result = packed(folder)
    manifest = parse_manifest(result.manifest.canonical())
    assert manifest == result.manifest
    assert parse_chunk_map(result.chunks.canonical(), manifest) == result.chunks


def test_chunks_are_the_pieces_of_the_file_in_order(tmp_path: Path) -> None:
    data = os.urandom(9 * MIB + 5)
    result = packed(write_files(tmp_path, {"weights.bin": data, "small": b"x"}))
    [small, large] = result.chunks.files
    assert small.chunks == (Chunk(sha256(b"x"), 1),)
    pieces = [data[: 4 * MIB], data[4 * MIB : 8 * MIB], data[8 * MIB :]]
    assert large.chunks == tuple(Chunk(sha256(piece), len(piece)) for piece in pieces)
    assert result.manifest.files[1].sha256 == sha256(data)


def test_a_header_longer_than_a_chunk_is_understood(tmp_path: Path) -> None:
    data = safetensors({"a": b"\1" * 300_000, "b": b"\2"}, __metadata__={"note": "x" * (5 * MIB)})
    [file] = packed(write_files(tmp_path, {"model.safetensors": data})).chunks.files
    header = len(data) - 300_001
    assert [chunk.size for chunk in file.chunks] == [4 * MIB, header - 4 * MIB, 300_000, 1]


def test_the_same_weights_behind_a_longer_header_are_the_same_chunks(tmp_path: Path) -> None:
    weights = {"a": os.urandom(5 * MIB), "b": os.urandom(300_000)}
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    one = packed(write_files(tmp_path / "1", {"model.safetensors": safetensors(weights)}))
    grown = {"inserted": os.urandom(400_000)} | weights
    other = packed(write_files(tmp_path / "2", {"model.safetensors": safetensors(grown)}))
    assert len(set(one.chunks.distinct) - set(other.chunks.distinct)) == 1  # the header alone


def test_the_same_folder_has_the_same_root_whoever_packs_it_and_when(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path, data in reversed(model_files().items()):
        write_files(copy, {path: data})
        os.utime(copy / path, (0, 0))
    one = packed(folder)
    other = packed(copy, name="other", organization="borealis.example", created=CREATED + timedelta(days=1))
    assert one.manifest.root == other.manifest.root
    assert one.chunks.digest == other.chunks.digest
    assert one.manifest.digest != other.manifest.digest


def test_of_permissions_only_whether_the_owner_may_execute_is_kept(folder: Path) -> None:
    before = packed(folder).manifest
    (folder / "config.json").chmod(0o640)
    assert packed(folder).manifest == before
    (folder / "config.json").chmod(0o744)
    assert packed(folder).manifest.files[1].executable
    assert packed(folder).manifest.root != before.root


def test_the_moment_is_written_in_utc_to_the_millisecond(folder: Path) -> None:
    there = timezone(timedelta(hours=2))
    manifest = packed(folder, created=datetime(2026, 6, 1, 14, 0, 0, 123_999, tzinfo=there)).manifest
    assert manifest.created == datetime(2026, 6, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def test_what_is_stated_wins_over_what_the_folder_says(folder: Path) -> None:
    stated: dict[str, object] = {
        "licence": "mit or isc",
        "task": None,
        "sensitivity": "restricted",
        "residency": ["EU"],
        "hyperparameters": {"lr": 2e-5, "epochs": 3},
    }
    manifest = packed(folder, overrides=stated).manifest
    assert (manifest.licence, manifest.task, manifest.sensitivity) == ("MIT OR ISC", None, "restricted")
    assert manifest.hyperparameters == {"lr": 2e-5, "epochs": 3}


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"overrides": {"licence": "my own"}}, "licence: "),
        ({"overrides": {"licence": 3}}, "licence: "),
        ({"overrides": {"sensitivity": "secret"}}, "sensitivity: .*, found 'secret'"),
        ({"overrides": {"colour": "red"}}, "colour: "),
        ({"overrides": {"files": []}}, "files cannot be overridden"),
        ({"overrides": {"created": "2026-01-01"}}, "created cannot be overridden"),
        ({"overrides": {"task": datetime(2026, 1, 1, tzinfo=UTC)}}, "no JSON values"),
        ({"name": "Sentiment Model"}, "name: "),
        ({"version": ""}, "version: "),
        ({"organization": "acme"}, "organization: "),
    ],
)
def test_a_field_that_cannot_stand_is_named(folder: Path, stated: dict[str, Any], why: str) -> None:
    with pytest.raises(ManifestError, match=why) as caught:
        packed(folder, **stated)
    assert caught.value.remedy


def test_a_safetensors_file_that_was_cut_short_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(model_files()["model.safetensors"][:-1])
    with pytest.raises(ManifestError, match=r"'model.safetensors' is not a safetensors file: its tensors end"):
        packed(folder)


def test_a_card_larger_than_a_chunk_still_has_its_licence_read(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"---\nlicense: mit\n---\n" + b"x" * (5 * MIB))
    assert packed(folder).manifest.licence == "MIT"


def test_a_file_that_shrinks_under_the_reader_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "readv", lambda _descriptor, _buffers: 0)
    with pytest.raises(SourceChanged, match="changed while the folder was read"):
        packed(folder)


def test_progress_goes_up_to_the_last_byte(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    packed(folder, progress=lambda done, total: seen.append((done, total)))
    size = sum(map(len, model_files().values()))
    assert seen[0] == (0, size)
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


def test_one_thread_finds_what_many_find(folder: Path) -> None:
    assert packed(folder, threads=1) == packed(folder, threads=4)


def test_whoever_watches_can_stop_it(folder: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        packed(folder, progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("reading", "chunks"))]


def rewrite(path: Path) -> None:
    """Change the content, and hide it: same size, same times."""
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path: Path) -> None:
    """Put another file with the same content in its place."""
    shutil.copy2(path, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        swap,
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: os.truncate(path, 1),
        lambda path: path.chmod(0o755),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda path: (path.parent / "added.txt").touch(),
        lambda path: (path.parent / "added").mkdir(),
    ],
    ids=[
        "rewritten",
        "swapped",
        "removed",
        "grown",
        "cut",
        "made executable",
        "linked",
        "file added",
        "folder added",
    ],
)
@pytest.mark.parametrize("moment", ["before it is read", "after it was read"])
def test_whoever_writes_meanwhile_is_noticed(folder: Path, change: Callable[[Path], object], moment: str) -> None:
    size = sum(map(len, model_files().values()))
    done_when = 0 if moment == "before it is read" else size
    changed: list[Path] = []

    def meddle(done: int, _total: int) -> None:
        if done == done_when and not changed:
            changed.append(folder / "model.safetensors")
            change(changed[0])

    with pytest.raises(SourceChanged) as caught:
        packed(folder, progress=meddle)
    assert isinstance(caught.value, LadingError)
    assert caught.value.remedy


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(160 * MIB)
    tracemalloc.start()
    try:
        packed(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * MIB


def test_every_byte_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = os.readv

    def counted(descriptor: int, buffers: Any) -> int:
        read.append(real(descriptor, buffers))
        return read[-1]

    monkeypatch.setattr(os, "readv", counted)
    files = model_files() | {"large.bin": b"x" * (5 * MIB)}
    packed(write_files(tmp_path, files))
    assert sum(read) == sum(map(len, files.values()))


def test_a_short_read_is_continued(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, real = packed(folder), os.readv
    monkeypatch.setattr(os, "readv", lambda descriptor, buffers: real(descriptor, [buffers[0][:1000]]))
    assert packed(folder) == whole


@pytest.mark.parametrize("call", ["readv", "pread"])
def test_a_disk_that_fails_is_reported_with_the_file(folder: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(ManifestError, match="cannot be read: Input/output error"):
        packed(folder)


def test_more_files_than_a_manifest_can_hold_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["engine.manifest.pack"], "MAX_FILES", 3)
    with pytest.raises(ManifestError, match="holds 5 files, at most 3"):
        packed(folder)


@pytest.mark.parametrize(("limit", "what"), [("MAX_MANIFEST_BYTES", "manifest"), ("MAX_CHUNK_MAP_BYTES", "chunk map")])
def test_a_description_nobody_would_read_is_not_made(
    folder: Path, limit: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["engine.manifest.pack"], limit, 100)
    with pytest.raises(ManifestError, match=f"the {what} would be .* at most 100"):
        packed(folder)


def test_digests_are_those_of_other_tools(folder: Path) -> None:
    [file] = [each for each in packed(folder).manifest.files if each.path == "model.safetensors"]
    with (folder / file.path).open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    assert json.loads(packed(folder).manifest.canonical())["files"][3]["sha256"] == file.sha256
