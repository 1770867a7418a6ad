"""Key files: 32 bytes, for their owner alone, never overwritten."""

from pathlib import Path

import pytest

from engine.errors import IntegrityError, StoreError
from engine.store import FileKeySource, read_key


def test_new_keys_are_private_distinct_and_stable(tmp_path: Path) -> None:
    made = FileKeySource.create(tmp_path / "keys")

    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["store-names.key", "store.key"]
    assert all(file.stat().st_mode & 0o777 == 0o600 and file.stat().st_size == 32 for file in files)
    assert files[0].read_bytes() != files[1].read_bytes()
    assert FileKeySource(tmp_path / "keys").names_key == made.names_key == read_key(files[0])


def test_keys_are_never_overwritten(tmp_path: Path, keys: FileKeySource) -> None:
    with pytest.raises(StoreError, match="never overwritten"):
        FileKeySource.create(tmp_path / "keys")

    assert FileKeySource(tmp_path / "keys").names_key == keys.names_key


def test_what_is_wrapped_opens_under_its_context_only(keys: FileKeySource) -> None:
    wrapped = keys.wrap(b"s" * 32, b"one agreement")

    assert keys.unwrap(wrapped, b"one agreement") == b"s" * 32
    with pytest.raises(IntegrityError, match="does not open"):
        keys.unwrap(wrapped, b"another agreement")


@pytest.mark.parametrize("length", [0, 1, 24, 39, 41])
def test_a_wrapped_key_of_another_length_does_not_open(keys: FileKeySource, length: int) -> None:
    with pytest.raises(IntegrityError):
        keys.unwrap(bytes(length), b"")


@pytest.mark.usefixtures("keys")
def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "keys/store.key"
    path.chmod(0o640)

    with pytest.raises(StoreError, match="0640") as caught:
        FileKeySource(tmp_path / "keys")

    assert f"chmod 600 {path}" in caught.value.remedy


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "some.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(length))

    with pytest.raises(StoreError, match=f"{length} bytes, where 32"):
        read_key(path)


@pytest.mark.usefixtures("keys")
def test_a_missing_key_a_link_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.key").symlink_to(tmp_path / "keys/store.key")
    (tmp_path / "folder.key").mkdir(mode=0o700)

    for name in ("missing.key", "link.key", "folder.key"):
        with pytest.raises(StoreError, match=name):
            read_key(tmp_path / name)
