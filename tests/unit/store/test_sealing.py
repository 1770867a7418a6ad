"""Putting blobs: what is accepted, what is refused, and in which order the disk hears of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DigestMismatch, InputError, StoreError
from engine.store import CHUNK_LIMIT, FileKeySource, Scope, Sealer, Store


def test_a_blob_is_new_once_and_known_ever_after(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(5000)

    assert put(blob) is True
    assert put(blob) is False
    assert store.read(scope, blob.sha256) == blob.data


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, CHUNK_LIMIT])
def test_every_size_comes_back_whole_around_the_frame_boundaries(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any], size: int
) -> None:
    blob = make_blob(size)

    put(blob)

    assert store.read(scope, blob.sha256) == blob.data


def test_content_under_a_wrong_digest_is_refused_before_anything_is_written(
    sealer: Sealer, files: Callable[[], list[Path]], make_blob: Callable[..., Any]
) -> None:
    right, wrong = make_blob(100, seed=1), make_blob(100, seed=2)

    with pytest.raises(DigestMismatch, match=right.sha256):
        sealer.put(right.sha256, memoryview(wrong.data))

    assert files() == []


def test_a_wrong_digest_is_refused_even_if_the_blob_is_held(
    sealer: Sealer, put: Callable[..., bool], make_blob: Callable[..., Any]
) -> None:
    held = make_blob(100)
    put(held)

    with pytest.raises(DigestMismatch):
        sealer.put(held.sha256, memoryview(b"not what it says"))


def test_a_second_delivery_does_not_rewrite_the_file(
    put: Callable[..., bool], files: Callable[[], list[Path]], make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(100)
    put(blob)
    before = [(path, path.read_bytes(), path.stat().st_ino) for path in files()]

    put(blob)

    assert [(path, path.read_bytes(), path.stat().st_ino) for path in files()] == before


@pytest.mark.parametrize("claim", ["", "../../etc/passwd", "0" * 63, "A" * 64, "0" * 65])
def test_what_is_no_digest_is_refused(sealer: Sealer, files: Callable[[], list[Path]], claim: str) -> None:
    with pytest.raises(InputError, match="64 lower-case"):
        sealer.put(claim, memoryview(b"x"))

    assert files() == []


def test_a_blob_larger_than_a_chunk_is_refused(put: Callable[..., bool], make_blob: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=str(CHUNK_LIMIT)):
        put(make_blob(CHUNK_LIMIT + 1))


def test_neither_names_nor_files_tell_the_digest_or_the_content(
    put: Callable[..., bool], files: Callable[[], list[Path]], make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(4096)
    put(blob)

    (file,) = files()

    assert blob.sha256 not in str(file)
    assert bytes.fromhex(blob.sha256) not in file.read_bytes()
    assert blob.data[:32] not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_same_content_has_another_name_under_another_agreement(
    store: Store, folder: Path, keys: FileKeySource, make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(100)
    for agreement in ("one", "two"):
        scope = store.open_scope(agreement)
        Sealer(folder, scope.public, keys.names_key).put(blob.sha256, memoryview(blob.data))

    names = {path.name for path in folder.glob("*/blobs/*")}

    assert len(names) == 2


def test_threads_share_a_sealer_without_mixing_their_blobs(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    blobs = [make_blob(200_000 + seed, seed) for seed in range(40)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put, blobs))

    assert [store.read(scope, blob.sha256) for blob in blobs] == [blob.data for blob in blobs]


def test_threads_racing_for_one_blob_leave_one_intact_file(
    put: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    blob = make_blob(1 << 20)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [blob] * 16))

    assert len(files()) == 1
    assert store.read(scope, blob.sha256) == blob.data


def test_a_name_appears_after_its_bytes_are_durable_and_is_durable_before_put_returns(
    put: Callable[..., bool], make_blob: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    for name in ("write", "fsync", "rename"):
        real = getattr(os, name)

        def spied(*args: Any, name: str = name, real: Any = real, **kwargs: Any) -> Any:
            steps.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, spied)

    put(make_blob(100))

    assert steps == ["write", "fsync", "rename", "fsync"]


def test_held_is_answered_only_once_the_name_is_durable(
    put: Callable[..., bool], make_blob: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = make_blob(100)
    put(blob)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)

    assert put(blob) is False

    assert len(synced) == 1


def test_a_short_write_is_continued(
    put: Callable[..., bool],
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blob = make_blob(10_000)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:999]))

    put(blob)

    assert store.read(scope, blob.sha256) == blob.data


@pytest.mark.parametrize("step", ["open", "write", "fsync", "rename"])
def test_when_the_disk_fails_nothing_is_left_and_a_retry_succeeds(
    put: Callable[..., bool],
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    blob = make_blob(100)

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(os, step, broken)
        with pytest.raises(StoreError, match="Input/output error") as caught:
            put(blob)

    assert caught.value.remedy
    assert files() == []
    assert put(blob) is True


def test_a_sealer_cannot_put_into_a_destroyed_scope(
    store: Store, put: Callable[..., bool], agreement: str, folder: Path, make_blob: Callable[..., Any]
) -> None:
    store.destroy_scope(agreement)

    with pytest.raises(StoreError, match="No such file") as caught:
        put(make_blob(100))

    assert "destroyed" in caught.value.remedy
    assert not list(folder.glob("*/blobs/*"))


def test_a_sealer_needs_no_key_that_opens_anything(
    folder: Path, scope: Scope, keys: FileKeySource, tmp_path: Path, make_blob: Callable
) -> None:
    names_key = keys.names_key
    (tmp_path / "keys/store.key").unlink()
    blob = make_blob(10)

    assert Sealer(folder, scope.public, names_key).put(blob.sha256, memoryview(blob.data))

    with pytest.raises(StoreError, match=r"store\.key"):
        Store(folder, FileKeySource(tmp_path / "keys"))


def test_a_listener_imports_no_heavy_library_with_the_sealer() -> None:
    code = "import engine.store, sys; print(*{name.split('.')[0] for name in sys.modules})"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"sqlalchemy", "sigstore", "pydantic", "aiohttp", "textual"} & set(loaded.stdout.split())
