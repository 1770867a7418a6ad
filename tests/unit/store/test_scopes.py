"""Scopes: one key pair per agreement, and destruction as deletion."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError, IntegrityError, StoreError
from engine.store import FileKeySource, Scope, Sealer, Store


@pytest.fixture
def scope_file(folder: Path, scope: Scope) -> Path:
    return folder / "scopes" / f"{scope.agreement}.json"


def test_a_scope_opens_to_the_same_key_ever_after(
    store: Store, scope: Scope, folder: Path, keys: FileKeySource, agreement: str
) -> None:
    assert store.open_scope(agreement) == scope
    assert Store(folder, keys).open_scope(agreement) == scope
    assert store.scopes() == [agreement]


def test_each_agreement_has_a_key_of_its_own(store: Store, scope: Scope) -> None:
    assert store.open_scope("own").public != scope.public


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "a b", "-a", "a\0", "a" * 129, "é", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a scope"):
        store.open_scope(name)
    with pytest.raises(InputError, match="cannot name a scope"):
        store.destroy_scope(name)

    assert store.scopes() == []


def test_everything_in_a_store_is_for_its_owner_alone(
    put: Callable[..., bool], folder: Path, make_blob: Callable[..., Any]
) -> None:
    put(make_blob(10))

    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_scope_file_does_not_hold_the_private_key_in_the_clear(scope_file: Path) -> None:
    fields = json.loads(scope_file.read_bytes())

    assert sorted(fields) == ["agreement", "format", "private", "public"]
    assert len(bytes.fromhex(fields["private"])) == 32 + 8


@pytest.mark.usefixtures("scope")
def test_a_scope_does_not_open_with_another_stores_key(folder: Path, agreement: str, tmp_path: Path) -> None:
    other = FileKeySource.create(tmp_path / "other")

    with pytest.raises(IntegrityError, match="does not open") as caught:
        Store(folder, other).open_scope(agreement)

    assert "store.key" in caught.value.remedy


def test_swapped_scope_files_do_not_open(store: Store, scope_file: Path, folder: Path, keys: FileKeySource) -> None:
    store.open_scope("own")
    shutil.copy(folder / "scopes/own.json", scope_file)

    with pytest.raises(IntegrityError, match="names the agreement 'own'"):
        Store(folder, keys).open_scope(scope_file.stem)


def test_a_key_moved_to_another_agreement_does_not_open(
    store: Store, scope_file: Path, folder: Path, keys: FileKeySource
) -> None:
    store.open_scope("own")
    moved = json.loads((folder / "scopes/own.json").read_bytes())
    moved["agreement"] = scope_file.stem
    scope_file.write_text(json.dumps(moved, sort_keys=True, separators=(",", ":")))

    with pytest.raises(IntegrityError, match="does not open"):
        Store(folder, keys).open_scope(scope_file.stem)


def test_every_altered_byte_of_a_scope_file_is_noticed(
    scope_file: Path, folder: Path, keys: FileKeySource, agreement: str
) -> None:
    intact = scope_file.read_bytes()
    for at in range(len(intact)):
        altered = bytearray(intact)
        altered[at] ^= 1
        scope_file.write_bytes(altered)

        with pytest.raises((InputError, IntegrityError)):
            Store(folder, keys).open_scope(agreement)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"agreement":1,"format":"lading/scope/v1","private":2,"public":3}']
)
def test_a_file_that_is_no_scope_file_is_named_in_the_error(store: Store, folder: Path, content: bytes) -> None:
    (folder / "scopes/own.json").write_bytes(content)

    with pytest.raises((InputError, IntegrityError), match="scope file of own"):
        store.open_scope("own")


def test_destruction_deletes_for_good(
    put: Callable[..., bool],
    store: Store,
    scope: Scope,
    folder: Path,
    agreement: str,
    make_blob: Callable[..., Any],
) -> None:
    blob = make_blob(100)
    put(blob)
    copy = folder.with_name("stolen")
    shutil.copytree(folder / scope.public.hex(), copy)

    store.destroy_scope(agreement)

    assert [path.name for path in folder.iterdir()] == ["scopes"]
    assert store.scopes() == []
    with pytest.raises(StoreError):
        store.read(scope, blob.sha256)
    # A copy of the sealed files is worth nothing, even to the owner with all remaining keys.
    shutil.copytree(copy, folder / store.open_scope(agreement).public.hex(), dirs_exist_ok=True)
    assert not store.has(store.open_scope(agreement), blob.sha256)


def test_destroying_twice_or_what_never_was_is_harmless(store: Store, agreement: str) -> None:
    store.open_scope(agreement)

    store.destroy_scope(agreement)
    store.destroy_scope(agreement)
    store.destroy_scope("never")


def test_destroying_one_scope_leaves_the_others(
    put: Callable[..., bool], store: Store, scope: Scope, make_blob: Callable[..., Any]
) -> None:
    blob = make_blob(10)
    put(blob)
    store.open_scope("own")

    store.destroy_scope("own")

    assert store.read(scope, blob.sha256) == blob.data


def test_a_destroyed_scope_cannot_be_confused_with_its_successor(
    store: Store, scope: Scope, agreement: str, make_blob: Callable[..., Any]
) -> None:
    store.destroy_scope(agreement)
    successor = store.open_scope(agreement)

    assert successor.public != scope.public
    with pytest.raises(StoreError, match="another has taken its place"):
        store.has(scope, make_blob(1).sha256)


def test_a_destruction_interrupted_before_the_key_is_gone_can_be_repeated(
    put: Callable[..., bool],
    store: Store,
    folder: Path,
    keys: FileKeySource,
    agreement: str,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(make_blob(10))
    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "unlink", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.destroy_scope(agreement)

    reopened = Store(folder, keys)
    reopened.open_scope(agreement)
    reopened.destroy_scope(agreement)

    assert [path.name for path in folder.iterdir()] == ["scopes"]
    assert reopened.scopes() == []


def test_a_destruction_interrupted_after_the_key_is_gone_is_finished_at_the_next_opening(
    put: Callable[..., bool],
    store: Store,
    folder: Path,
    keys: FileKeySource,
    agreement: str,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(make_blob(10))
    with monkeypatch.context() as crashing:
        crashing.setattr(shutil, "rmtree", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.destroy_scope(agreement)
    assert len(list(folder.iterdir())) == 2

    Store(folder, keys)

    assert [path.name for path in folder.iterdir()] == ["scopes"]


@pytest.mark.usefixtures("store")
def test_a_torn_scope_file_is_removed_at_opening(folder: Path, keys: FileKeySource) -> None:
    (folder / "scopes/.own.json.0123456789ab.tmp").write_bytes(b"{")

    assert Store(folder, keys).scopes() == []
    assert list((folder / "scopes").iterdir()) == []


def test_a_writer_that_lives_keeps_its_temporary_file_while_the_store_is_opened(
    sealer: Sealer,
    folder: Path,
    keys: FileKeySource,
    store: Store,
    scope: Scope,
    make_blob: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blob = make_blob(100)
    real = Path.rename

    def rename_after_an_opening(path: Path, target: Path) -> Path:
        Store(folder, keys)
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename_after_an_opening)

    assert sealer.put(blob.sha256, memoryview(blob.data))
    assert store.read(scope, blob.sha256) == blob.data


def test_a_store_in_an_impossible_place_says_so(tmp_path: Path, keys: FileKeySource) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="opening") as caught:
        Store(tmp_path / "file/store", keys)

    assert caught.value.remedy


def _interrupted(*_args: Any, **_kwargs: Any) -> None:
    raise KeyboardInterrupt
