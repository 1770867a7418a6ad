"""The sandbox's log forgets nothing it answered for, and notices edits."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine.errors import LogTampered, StoreError
from engine.signing.sandbox.log import TransparencyLog

KEY = ec.generate_private_key(ec.SECP256R1())


def open_log(path: Path) -> TransparencyLog:
    return TransparencyLog(path, name="rekor.acme.example", key=KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of three entries."""
    path = tmp_path / "rekor.log"
    with open_log(path) as log:
        for body in (b"one", b"two", b"three"):
            log.append(body)
    return path


def grow(path: Path) -> int:
    with open_log(path) as log:
        return log.append(b"next").index


def test_a_log_goes_on_where_it_ended(path: Path) -> None:
    assert grow(path) == 3
    assert grow(path) == 4


def test_the_same_entries_have_the_same_root_after_a_restart(tmp_path: Path, path: Path) -> None:
    with open_log(path) as reopened, open_log(tmp_path / "fresh.log") as fresh:
        for body in (b"one", b"two", b"three"):
            fresh.append(body)
        assert reopened.append(b"four").root == fresh.append(b"four").root


@pytest.mark.parametrize("cut", [1, 2, 5, 60])
def test_a_torn_last_line_is_dropped(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])

    assert grow(path) == 2
    assert path.read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("tail", [b"\0" * 100, b"\0" * 100 + b"\n", b"garbage", b"0" * 64 + b" ####\n"])
def test_what_a_crash_left_behind_the_last_line_is_dropped(path: Path, tail: bytes) -> None:
    path.write_bytes(path.read_bytes() + tail)

    assert grow(path) == 3


def edit_body(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b" b25l", b" b25m"), *lines[1:]]


def remove(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], lines[2]]


@pytest.mark.parametrize("change", [edit_body, remove, swap])
def test_an_edited_log_is_not_used(path: Path, change: object) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]

    with pytest.raises(LogTampered, match="entry 0"):
        open_log(path)

    assert path.exists(), "evidence stays"


def test_a_refused_log_lets_go_of_its_lock(path: Path) -> None:
    good = path.read_bytes()
    path.write_bytes(b"x\n" + good)
    with pytest.raises(LogTampered):
        open_log(path)

    path.write_bytes(good)

    assert grow(path) == 3


def test_a_full_disk_leaves_the_log_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 40:
            return real(descriptor, data[:40], offset)
        raise OSError(28, "No space left on device")

    with open_log(path) as log:
        monkeypatch.setattr(os, "pwrite", half)
        with pytest.raises(StoreError, match="No space left"):
            log.append(b"lost")
        monkeypatch.undo()
        assert log.append(b"kept").index == 3
    assert grow(path) == 4


def test_a_log_is_for_the_owner_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"link\.log"):
        open_log(tmp_path / "link.log")
