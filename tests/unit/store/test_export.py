"""Writing files out: all or nothing, verified, and through no symbolic link."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DigestMismatch, IntegrityError, StoreError
from engine.store import Scope, Store


@pytest.fixture
def chunks(put: Callable[..., bool], make_blob: Callable[..., Any]) -> list[Any]:
    blobs = [make_blob(1_500_000, 1), make_blob(10, 2)]
    for blob in blobs:
        put(blob)
    return blobs


@pytest.fixture
def export(store: Store, scope: Scope, chunks: list[Any]) -> Callable[..., int]:
    """Exports the two chunks as one file."""
    whole = hashlib.sha256(chunks[0].data + chunks[1].data).hexdigest()
    digests = [blob.sha256 for blob in chunks]
    return lambda path, sha256=whole, executable=False: store.export_file(
        scope, digests, path, sha256=sha256, executable=executable
    )


def test_a_file_is_its_chunks(export: Callable[..., int], chunks: list[Any], tmp_path: Path) -> None:
    size = export(tmp_path / "model/weights.bin")

    written = tmp_path / "model/weights.bin"
    assert written.read_bytes() == chunks[0].data + chunks[1].data
    assert size == written.stat().st_size


def test_an_empty_file_has_no_chunks(store: Store, scope: Scope, tmp_path: Path) -> None:
    empty = hashlib.sha256(b"").hexdigest()

    assert store.export_file(scope, [], tmp_path / "empty", sha256=empty, executable=False) == 0
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_the_mode_is_exact_whatever_the_umask(export: Callable[..., int], tmp_path: Path, mode: int) -> None:
    previous = os.umask(0o077)
    try:
        export(tmp_path / "run", executable=mode == 0o755)
    finally:
        os.umask(previous)

    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == mode


def test_a_wrong_whole_leaves_the_old_file_and_no_trace(export: Callable[..., int], tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "file").write_text("old")

    with pytest.raises(DigestMismatch, match="was promised"):
        export(place / "file", sha256="0" * 64)

    assert [path.name for path in place.iterdir()] == ["file"]
    assert (place / "file").read_text() == "old"


def test_a_damaged_chunk_leaves_no_trace(
    export: Callable[..., int], files: Callable[[], list[Path]], tmp_path: Path
) -> None:
    longest = max(files(), key=lambda path: path.stat().st_size)
    damaged = bytearray(longest.read_bytes())
    damaged[-1] ^= 1
    longest.write_bytes(damaged)

    with pytest.raises(IntegrityError, match="frame 1"):
        export(tmp_path / "out/file")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_regular_file_is_replaced(export: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    export(tmp_path / "file")

    assert (tmp_path / "file").stat().st_size == 1_500_010


def test_a_link_in_place_of_the_file_is_refused_and_what_it_names_is_untouched(
    export: Callable[..., int], tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "file").symlink_to(victim)

    with pytest.raises(StoreError, match="no regular file"):
        export(tmp_path / "file")

    assert victim.read_text() == "precious"


@pytest.mark.parametrize("below", ["file", "deeper/file"])
def test_a_link_in_place_of_a_folder_is_refused(export: Callable[..., int], tmp_path: Path, below: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError) as caught:
        export(tmp_path / "link" / below)

    assert "symbolic link" in caught.value.remedy
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_place_of_a_folder_and_a_folder_in_place_of_the_file_are_refused(
    export: Callable[..., int], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError, match="Not a directory"):
        export(tmp_path / "file/below")
    with pytest.raises(StoreError, match="no regular file"):
        export(tmp_path / "folder")


def test_a_relative_path_and_one_that_climbs_are_refused(
    export: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "a/../b", (tmp_path / "b").relative_to(tmp_path)):
        with pytest.raises(StoreError, match="not an absolute path"):
            export(path)


def test_a_file_and_its_new_folders_are_durable_before_the_call_returns(
    export: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    for name in ("fsync", "mkdir", "rename"):
        real = getattr(os, name)

        def spied(*args: Any, name: str = name, real: Any = real, **kwargs: Any) -> Any:
            steps.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, spied)

    export(tmp_path / "new/file")

    assert steps == ["mkdir", "fsync", "fsync", "rename", "fsync"]


def test_a_full_disk_during_export_leaves_no_trace(
    export: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()

    def full(_descriptor: int, _data: memoryview) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        export(tmp_path / "out/file")

    assert "Free space" in caught.value.remedy
    assert list((tmp_path / "out").iterdir()) == []


def test_a_forbidden_place_names_the_remedy(
    export: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_args: Any, **_kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", forbidden)
    with pytest.raises(StoreError, match="Permission denied") as caught:
        export(tmp_path / "out/file")

    assert "user that owns" in caught.value.remedy
