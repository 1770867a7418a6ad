"""The inventory reads everything, and says what is damaged without stopping there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.findings import Severity
from engine.store import Scope, Store


def test_an_intact_scope_has_no_findings(
    put: Callable[..., bool],
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
) -> None:
    blobs = [make_blob(100 + seed, seed) for seed in range(5)]
    for blob in blobs[:2]:
        put(blob)
    put_pack(*blobs[2:])

    inventory = store.fsck(scope)

    assert inventory.findings == ()
    assert inventory.intact == {blob.sha256 for blob in blobs}
    assert inventory.size == sum(len(blob.data) for blob in blobs)


def test_an_empty_scope_is_intact(store: Store, scope: Scope) -> None:
    assert store.fsck(scope).intact == frozenset()


def test_damage_is_found_by_file_and_the_rest_is_still_read(
    put: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    for seed in range(3):
        put(make_blob(100, seed))
    victim = files()[1]
    victim.write_bytes(victim.read_bytes()[:-1])

    inventory = store.fsck(scope)

    (finding,) = inventory.findings
    assert finding.code == "blob-damaged"
    assert finding.severity is Severity.ERROR
    assert finding.subject == f"blobs/{victim.name}"
    assert "bytes" in finding.message
    assert finding.remedy
    assert len(inventory.intact) == 2


def test_one_damaged_blob_of_a_pack_does_not_condemn_the_others(
    put_pack: Callable[..., bool],
    store: Store,
    scope: Scope,
    files: Callable[[], list[Path]],
    make_blob: Callable[..., Any],
) -> None:
    blobs = [make_blob(100, seed) for seed in range(3)]
    put_pack(*blobs)
    (pack,) = files()
    altered = bytearray(pack.read_bytes())
    altered[-1] ^= 0x80
    pack.write_bytes(altered)

    inventory = store.fsck(scope)

    assert inventory.intact == {blobs[0].sha256, blobs[1].sha256}
    assert [finding.code for finding in inventory.findings] == ["blob-damaged"]


def test_a_disk_that_fails_is_told_from_damage(
    put: Callable[..., bool],
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(make_blob(100))

    def failing(*_args: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", failing)

    assert [finding.code for finding in store.fsck(scope).findings] == ["blob-unreadable"]
