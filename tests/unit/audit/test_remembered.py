"""Remembered checkpoints: kept outside the databases, never forgotten, never half written."""

import stat
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.note import KEPT_LIMIT, Algorithm, NoteKey, NoteSigner
from engine.audit.remembered import LARGEST_SIZE, Remembered
from engine.errors import InputError, LogTampered
from tests.unit.audit.conftest import Acme, Borealis

NOISE = "— unknown.example/{} AAAAAAAA\n"


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


def test_a_memory_that_is_gone_while_in_use_is_not_made_again(acme: Acme, notes: list[bytes]) -> None:
    path = acme.folder / "state" / "remembered.jsonl"
    memory = Remembered(path)
    memory.add(notes[1], acme.origin)
    path.unlink()
    path.parent.rmdir()

    with pytest.raises(LogTampered, match="damaged after byte"):
        memory.add(notes[2], acme.origin)
    with pytest.raises(LogTampered, match="damaged after byte"):
        memory.keep(notes[2], [acme.key])

    assert not path.parent.exists()


def signed(acme: Acme, size: int, root: bytes = bytes(32)) -> bytes:
    text = Checkpoint(acme.origin, size, root).text()
    return text + b"\n" + NoteSigner(acme.origin, acme.private).sign(text)


def witness(number: int, name: str = "w.example") -> NoteSigner:
    private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32))
    return NoteSigner(f"{name}/{number}", private, Algorithm.COSIGNATURE)


def cosigned(note: bytes, signers: Sequence[NoteSigner], time: int = 0) -> bytes:
    text = note.partition(b"\n\n")[0] + b"\n"
    return note + b"".join(signer.cosign(text, time) for signer in signers)


def test_of_what_others_send_only_what_known_keys_signed_is_kept(acme: Acme, borealis: Borealis) -> None:
    path = acme.folder / "remembered.jsonl"
    memory, keys, note = Remembered(path), [acme.key, borealis.key], signed(acme, 7)

    for number in range(100):
        noise = "".join(NOISE.format(f"{number}/{line}") for line in range(99)).encode()
        assert memory.keep(note + noise, keys) is None
    assert memory.keep(cosigned(note, [witness(1)]), keys) is None

    assert memory.all(acme.origin) == (note,)
    assert path.read_bytes().count(b"\n") == 1


def test_cosignatures_of_one_checkpoint_come_together_whoever_shows_which(acme: Acme) -> None:
    path = acme.folder / "remembered.jsonl"
    one, other = witness(1), witness(2)
    keys, note = [acme.key, one.key, other.key], signed(acme, 7)

    for shown in ([], [other], [one], [], [other], [one, other]):
        assert Remembered(path).keep(cosigned(note, shown), keys) is None

    assert Remembered(path).newest(acme.origin) == cosigned(note, [one, other])
    assert path.read_bytes().count(b"\n") == 3


def test_a_witness_that_cosigns_every_second_grows_nothing(acme: Acme) -> None:
    path = acme.folder / "remembered.jsonl"
    keys, note = [acme.key, witness(1).key], signed(acme, 7)

    for second in range(20):
        Remembered(path).keep(cosigned(note, [witness(1)], second), keys)

    assert Remembered(path).all(acme.origin) == (cosigned(note, [witness(1)], 0),)


def test_a_line_that_only_looks_like_a_known_witness_s_is_left_out(acme: Acme) -> None:
    memory, note = Remembered(acme.folder / "remembered.jsonl"), signed(acme, 7)
    slander = witness(1).cosign(b"something else\n", 0)

    assert memory.keep(note + slander, [acme.key, witness(1).key]) is None
    assert memory.keep(cosigned(note, [witness(1)]), [acme.key, witness(1).key]) is None

    assert memory.newest(acme.origin) == cosigned(note, [witness(1)])


def test_more_cosignatures_than_a_statement_can_name_leave_the_log_s_own_and_the_first(acme: Acme) -> None:
    many = [witness(number, "w" * 200) for number in range(1, 90)]
    memory, note = Remembered(acme.folder / "remembered.jsonl"), signed(acme, 7)
    keys = [acme.key, *(signer.key for signer in many)]

    for _ in range(3):
        memory.keep(cosigned(note, many[::-1]), keys)

    (kept,) = memory.all(acme.origin)
    found = [one.key for one in open_checkpoint(kept, keys).cosigned]
    assert KEPT_LIMIT - 400 < len(kept) <= KEPT_LIMIT
    assert found == [signer.key for signer in many[: len(found)]]


def test_what_contradicts_the_memory_is_not_remembered(acme: Acme) -> None:
    path = acme.folder / "remembered.jsonl"
    memory, keys = Remembered(path), [acme.key]
    memory.keep(signed(acme, 6), keys)
    memory.keep(signed(acme, 7), keys)

    fork = memory.keep(signed(acme, 7, b"\x66" * 32) + NOISE.format(1).encode(), keys)

    assert fork is not None
    assert (fork.known, fork.shown) == (signed(acme, 7), signed(acme, 7, b"\x66" * 32))
    assert memory.all(acme.origin) == (signed(acme, 6), signed(acme, 7))


def test_a_size_that_no_line_could_hold_is_refused_with_the_largest_one(acme: Acme) -> None:
    memory: Remembered = Remembered(acme.folder / "remembered.jsonl")
    keys: list[NoteKey] = [acme.key]

    assert memory.keep(signed(acme, LARGEST_SIZE), keys) is None
    with pytest.raises(InputError, match=r"is of 9007199254740992 entries, expected at most 9007199254740991"):
        memory.keep(signed(acme, LARGEST_SIZE + 1), keys)
    with pytest.raises(InputError, match="expected at most"):
        memory.add(signed(acme, LARGEST_SIZE + 1), acme.origin)


def test_a_memory_that_was_filled_before_is_read_and_no_longer_grows(acme: Acme) -> None:
    path = acme.folder / "remembered.jsonl"
    note, old = signed(acme, 7), Remembered(path)
    for number in range(20):
        noise = "".join(NOISE.format(f"{number}/{line}") for line in range(90)).encode()
        old.add(note + noise, acme.origin)
    before = path.read_bytes()

    memory = Remembered(path)
    assert memory.keep(note + NOISE.format("new").encode(), [acme.key]) is None
    assert path.read_bytes() == before
    assert memory.of_size(acme.origin, 7) == memory.all(acme.origin)[-1]
    assert memory.of_size(acme.origin, 8) is None


def test_a_thinned_memory_keeps_the_largest_sizes_and_every_other_log(acme: Acme) -> None:
    path = acme.folder / "remembered.jsonl"
    memory = Remembered(path)
    shown = [signed(acme, size) for size in (5, 1, 4, 2, 3, 6)]
    for note in shown[:5]:
        memory.keep(note, [acme.key])
    memory.thin(acme.origin, 3)
    assert len(memory.all(acme.origin)) == 5  # not twice as many yet
    memory.keep(shown[5], [acme.key])

    memory.thin(acme.origin, 3)

    left = tuple(signed(acme, size) for size in (4, 5, 6))
    assert memory.all(acme.origin) == Remembered(path).all(acme.origin) == left
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    memory.keep(signed(acme, 7), [acme.key])
    assert Remembered(path).all(acme.origin) == (*left, signed(acme, 7))


def test_a_memory_that_cannot_be_thinned_forgets_nothing(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    memory = Remembered(acme.folder / "remembered.jsonl")
    for size in range(4):
        memory.keep(signed(acme, size), [acme.key])

    with monkeypatch.context() as patch:
        patch.setattr("engine.audit.remembered.write_atomic", full)
        with pytest.raises(OSError, match="No space"):
            memory.thin(acme.origin, 2)

    assert len(memory.all(acme.origin)) == 4
    memory.thin(acme.origin, 2)
    assert len(memory.all(acme.origin)) == 2
