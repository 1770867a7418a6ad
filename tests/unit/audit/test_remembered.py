"""Remembered checkpoints: kept outside the databases, never forgotten, never half written."""

import stat
from collections.abc import Callable
from typing import Any

import pytest

from engine.audit.remembered import Remembered
from engine.errors import InputError, LogTampered
from tests.unit.audit.conftest import Acme


@pytest.fixture
def notes(acme: Acme) -> list[bytes]:
    with acme.open() as log:
        found = [log.checkpoint()]
        for number in range(3):
            log.record(acme.event(number))
            found.append(log.checkpoint())
    return found


def test_nothing_is_remembered_of_a_log_nobody_saw(acme: Acme) -> None:
    memory = Remembered(acme.folder / "remembered.jsonl")

    assert memory.newest(acme.origin) is None
    assert memory.all(acme.origin) == ()


def test_the_newest_is_the_largest_whatever_the_order(acme: Acme, notes: list[bytes]) -> None:
    path = acme.folder / "state" / "remembered.jsonl"
    memory = Remembered(path)
    for note in (notes[1], notes[3], notes[2], notes[1]):
        memory.add(note, acme.origin)

    assert memory.newest(acme.origin) == notes[3]
    assert Remembered(path).all(acme.origin) == (notes[1], notes[2], notes[3])
    assert path.read_bytes().count(b"\n") == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_share_the_memory(acme: Acme, notes: list[bytes]) -> None:
    path = acme.folder / "remembered.jsonl"
    here, there = Remembered(path), Remembered(path)

    here.add(notes[1], acme.origin)
    there.add(notes[2], acme.origin)
    here.add(notes[3], acme.origin)

    assert here.all(acme.origin) == there.all(acme.origin) == (notes[1], notes[2], notes[3])


def test_a_checkpoint_of_another_log_is_refused(acme: Acme, notes: list[bytes]) -> None:
    memory = Remembered(acme.folder / "remembered.jsonl")

    with pytest.raises(InputError, match=r"expected one of borealis\.example/lading/audit/0"):
        memory.add(notes[1], "borealis.example/lading/audit/0")
    with pytest.raises(InputError):
        memory.add(b"no note", acme.origin)


def test_what_a_crash_left_of_a_line_is_no_line(acme: Acme, notes: list[bytes]) -> None:
    path = acme.folder / "remembered.jsonl"
    Remembered(path).add(notes[1], acme.origin)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])

    memory = Remembered(path)
    assert memory.all(acme.origin) == (notes[1],)
    memory.add(notes[2], acme.origin)
    assert Remembered(path).all(acme.origin) == (notes[1], notes[2])


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.replace(b'"size":1', b'"size":2'),
        lambda data: data.replace(b'"origin":"acme', b'"origin":"evil'),
        lambda data: data.replace(b'{"note"', b'{ "note"'),
        lambda data: b"{}\n" + data,
        lambda data: b"[]\n" + data,
        lambda data: b"\xff\n" + data,
        lambda data: b'{"note":"\\ud800"}\n' + data,
    ],
)
def test_an_edited_memory_is_refused(acme: Acme, notes: list[bytes], edit: Callable[[Any], Any]) -> None:
    path = acme.folder / "remembered.jsonl"
    Remembered(path).add(notes[1], acme.origin)
    path.write_bytes(edit(path.read_bytes()))

    with pytest.raises(LogTampered, match="damaged after byte 0"):
        Remembered(path).newest(acme.origin)


def test_a_memory_that_shrinks_while_in_use_is_refused(acme: Acme, notes: list[bytes]) -> None:
    path = acme.folder / "remembered.jsonl"
    memory = Remembered(path)
    memory.add(notes[1], acme.origin)

    path.write_bytes(b"")
    with pytest.raises(LogTampered):
        memory.all(acme.origin)
    path.unlink()
    with pytest.raises(LogTampered):
        memory.add(notes[2], acme.origin)
