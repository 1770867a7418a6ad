"""After a crash a file is the old one or the new one, and secrets are private from their first byte."""

import os
import stat
from pathlib import Path

import pytest

from engine.files import sync_folder, write_atomic, write_secret


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o077], ids=["open umask", "strict umask"])
def umask(request: pytest.FixtureRequest) -> object:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_file_is_replaced_whole_with_exactly_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trust.json"
    write_atomic(path, b"first", mode=0o640)
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert permissions(path) == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_disk_that_fails_leaves_the_old_file_and_no_rest(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_and_name_are_durable_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, bytes]] = []
    real, path = os.fsync, tmp_path / "file"

    def note(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((folder, path.read_bytes() if path.exists() else b"not there yet"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_atomic(path, b"new")
    assert synced == [(False, b"not there yet"), (True, b"new")]


def test_a_symlink_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"precious"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.usefixtures("umask")
def test_a_secret_is_private_in_a_private_folder(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    write_secret(path, b"key")
    assert path.read_bytes() == b"key"
    assert (permissions(path), permissions(path.parent)) == (0o600, 0o700)


def test_a_secret_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    write_secret(path, b"key")
    with pytest.raises(FileExistsError):
        write_secret(path, b"other")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "link", b"other")
    assert path.read_bytes() == b"key"
    assert not (tmp_path / "elsewhere").exists()


def test_only_folders_are_synced_as_folders(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
