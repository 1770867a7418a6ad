"""Reading, assembling, discarding."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DigestMismatch, InputError, StoreError
from engine.store import FileKeySource, Scope, Sealer, Store


def test_a_blob_nobody_delivered_is_not_there(store: Store, scope: Scope, make_blob: Callable[..., Any]) -> None:
    absent = make_blob(10).sha256

    assert not store.has(scope, absent)
    with pytest.raises(StoreError, match=f"{absent} is not held") as caught:
        store.read(scope, absent)
    assert "sender" in caught.value.remedy


def test_what_is_no_digest_is_refused(store: Store, scope: Scope) -> None:
    with pytest.raises(InputError, match="no digest"):
        store.has(scope, "../keys/store.key")


def test_chunks_are_assembled_in_order_and_as_often_as_they_stand_there(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    one, two = make_blob(1_200_000, 1), make_blob(7, 2)
    put(one)
    put(two)

    pieces = [bytes(piece) for piece in store.assemble(scope, [one.sha256, two.sha256, one.sha256])]

    assert pieces == [one.data, two.data, one.data]


def test_two_assemblies_at_once_do_not_share_a_buffer(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    one, two = make_blob(1000, 1), make_blob(1000, 2)
    put(one)
    put(two)

    for left, right in zip(
        store.assemble(scope, [one.sha256] * 2), store.assemble(scope, [two.sha256] * 2), strict=True
    ):
        assert (bytes(left), bytes(right)) == (one.data, two.data)


def test_many_threads_read_at_once(
    put: Callable[..., bool],
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
) -> None:
    blobs = [make_blob(50_000 + seed, seed) for seed in range(20)]
    for blob in blobs[:10]:
        put(blob)
    put_pack(*blobs[10:])

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda blob: store.read(scope, blob.sha256), blobs * 5))

    assert read == [blob.data for blob in blobs] * 5


def test_a_file_digest_covers_all_chunks(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    one, two = make_blob(3000, 1), make_blob(7, 2)
    put(one)
    put(two)

    assert store.file_digest(scope, [one.sha256, two.sha256]) == hashlib.sha256(one.data + two.data).hexdigest()
    assert store.file_digest(scope, []) == hashlib.sha256(b"").hexdigest()


def test_content_that_a_taken_over_listener_sealed_under_a_false_digest_is_refused(
    sealer: Sealer,
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    promised, false = make_blob(10, 1), make_blob(10, 2)
    monkeypatch.setattr(
        "engine.store.sealer._checked", lambda sha256, _data: bytes.fromhex(sha256)
    )  # the listener no longer checks what it seals
    sealer.put(promised.sha256, memoryview(false.data))

    with pytest.raises(DigestMismatch, match=false.sha256):
        store.read(scope, promised.sha256)
    with pytest.raises(DigestMismatch):
        list(store.assemble(scope, [promised.sha256]))
    with pytest.raises(DigestMismatch):
        store.export_file(scope, [promised.sha256], tmp_path / "out", sha256=promised.sha256, executable=False)
    assert store.file_digest(scope, [promised.sha256]) == false.sha256
    assert [finding.code for finding in store.fsck(scope).findings] == ["blob-damaged"]


def test_a_discarded_blob_is_gone_and_can_be_delivered_again(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    blob, kept = make_blob(10, 1), make_blob(10, 2)
    put(blob)
    put(kept)

    store.discard(scope, [blob.sha256])
    store.discard(scope, [blob.sha256])

    assert not store.has(scope, blob.sha256)
    assert store.has(scope, kept.sha256)
    assert put(blob) is True


def test_a_store_opened_anew_reads_what_the_last_one_kept(
    put: Callable[..., bool], folder: Path, keys: FileKeySource, agreement: str, make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(100)
    put(blob)

    reopened = Store(folder, keys)

    assert reopened.read(reopened.open_scope(agreement), blob.sha256) == blob.data


def test_free_space_is_what_the_disk_says(store: Store) -> None:
    assert 0 < store.free_bytes() <= 1 << 60
