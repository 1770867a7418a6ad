"""Packs: many small blobs durable for the price of one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DigestMismatch, InputError, IntegrityError, StoreError
from engine.store import PACK_BLOBS, PACK_LIMIT, Scope, Sealer, Store


def test_the_blobs_of_a_pack_are_read_like_any_other(
    put_pack: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    blobs = [make_blob(size, size) for size in (0, 1, 4096, 1_500_000)]

    assert put_pack(*blobs) is True

    assert [store.read(scope, blob.sha256) for blob in blobs] == [blob.data for blob in blobs]


def test_a_pack_is_one_file_and_one_wait_for_the_disk(
    put_pack: Callable[..., bool],
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), real(descriptor)))

    put_pack(*(make_blob(100, seed) for seed in range(50)))

    assert len(files()) == 1
    assert len(synced) == 2  # the file, and its folder


def test_the_same_pack_again_is_known(
    put_pack: Callable[..., bool], files: Callable[[], list[Path]], make_blob: Callable[..., Any]
) -> None:
    blobs = [make_blob(100, seed) for seed in range(3)]
    put_pack(*blobs)

    assert put_pack(*blobs) is False
    assert len(files()) == 1


def test_one_wrong_digest_refuses_the_whole_pack(
    sealer: Sealer, files: Callable[[], list[Path]], make_blob: Callable[..., Any]
) -> None:
    good, bad = make_blob(10, 1), make_blob(10, 2)

    with pytest.raises(DigestMismatch, match=bad.sha256):
        sealer.put_pack([(good.sha256, memoryview(good.data)), (bad.sha256, memoryview(b"other"))])

    assert files() == []


def test_an_empty_an_overfull_and_an_overlong_pack_are_refused(
    put_pack: Callable[..., bool], sealer: Sealer, make_blob: Callable[..., Any]
) -> None:
    one = make_blob(1)
    half = make_blob(PACK_LIMIT // 2)
    with pytest.raises(InputError, match="a pack of 0 blobs"):
        put_pack()
    with pytest.raises(InputError, match="3 blobs and"):
        put_pack(half, half, one)
    with pytest.raises(InputError, match=str(PACK_BLOBS + 1)):
        sealer.put_pack([(one.sha256, memoryview(one.data))] * (PACK_BLOBS + 1))


def test_the_fullest_pack_fits(sealer: Sealer, store: Store, scope: Scope, make_blob: Callable[..., Any]) -> None:
    halves = [make_blob(PACK_LIMIT // 2, 1), make_blob(PACK_LIMIT // 2, 2)]
    nothing = make_blob(0)
    blobs = [nothing] * (PACK_BLOBS - 2) + halves

    sealer.put_pack([(blob.sha256, memoryview(blob.data)) for blob in blobs])

    assert [store.read(scope, blob.sha256) for blob in (nothing, *halves)] == [blob.data for blob in (nothing, *halves)]


def test_a_pack_that_a_listener_adds_later_is_found(
    put_pack: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    early, late = make_blob(10, 1), make_blob(10, 2)
    put_pack(early)
    assert store.has(scope, early.sha256)
    assert not store.has(scope, late.sha256)

    put_pack(late)

    assert store.has(scope, late.sha256)


def test_a_blob_in_two_packs_survives_the_loss_of_one(
    put_pack: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    shared, other = make_blob(10, 1), make_blob(10, 2)
    put_pack(shared)
    put_pack(shared, other)

    store.discard(scope, [other.sha256])
    assert store.read(scope, other.sha256) == other.data  # its pack still holds what is wanted

    store.discard(scope, [shared.sha256, other.sha256])
    assert not store.has(scope, shared.sha256)
    assert not store.has(scope, other.sha256)


def test_a_damaged_pack_is_blamed_when_a_blob_is_missed(
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    blob = make_blob(10)
    put_pack(blob)
    (pack,) = files()
    pack.write_bytes(b"?" * pack.stat().st_size)

    assert not store.has(scope, blob.sha256)
    with pytest.raises(IntegrityError, match=pack.name):
        store.read(scope, blob.sha256)


def test_a_damaged_pack_does_not_hide_the_others(
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    lost, kept = make_blob(10, 1), make_blob(10, 2)
    put_pack(lost)
    files()[0].write_bytes(b"")
    put_pack(kept)

    assert store.read(scope, kept.sha256) == kept.data


def test_a_pack_removed_behind_the_stores_back_is_reported_as_gone(
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    blob = make_blob(10)
    put_pack(blob)
    store.read(scope, blob.sha256)
    files()[0].unlink()

    with pytest.raises(StoreError, match="No such file"):
        store.read(scope, blob.sha256)


def test_a_pack_with_a_foreign_name_is_damage_not_a_crash(
    put_pack: Callable[..., bool], folder: Path, scope: Scope, store: Store, make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(10)
    put_pack(blob)
    packs = folder / scope.public.hex() / "packs"
    (packs / "README").write_text("put here by hand")

    inventory = store.fsck(scope)

    assert inventory.intact == {blob.sha256}
    assert [finding.subject for finding in inventory.findings] == ["packs/README"]
