"""A fork file: proof that one log has two histories, for anybody who has its key."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint
from engine.audit.fork import Fork, ForkKind, check_fork, find_fork, parse_fork
from engine.audit.note import NoteSigner
from engine.digest import canonical
from engine.errors import BadSignature, InputError

LOG = NoteSigner("acme.example/lading/audit/0", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
GOLDEN = Path(__file__).parents[2] / "golden" / "audit" / "fork-v1.json"


def note(size: int, fill: int, signer: NoteSigner = LOG) -> bytes:
    text = Checkpoint(LOG.key.name, size, bytes([fill]) * 32).text()
    return text + b"\n" + signer.sign(text)


FORK = Fork(ForkKind.SAME_SIZE, note(3, 1), note(3, 2))


def test_two_roots_of_one_size_are_found_and_proved() -> None:
    fork = find_fork([note(2, 9), note(3, 1)], note(3, 2))

    assert fork == FORK
    assert check_fork(FORK.to_bytes(), [LOG.key]) == FORK


def test_checkpoints_that_may_both_be_true_are_no_fork() -> None:
    assert find_fork([note(2, 9), note(3, 1)], note(3, 1)) is None
    assert find_fork([note(2, 9)], note(3, 1)) is None


def test_the_file_never_changes() -> None:
    assert FORK.to_bytes() == GOLDEN.read_bytes()
    assert FORK.id == "acf03c3e5c837c73"


def test_only_the_log_itself_can_have_made_a_fork() -> None:
    eve = NoteSigner(LOG.key.name, Ed25519PrivateKey.from_private_bytes(b"e" * 32))

    with pytest.raises(BadSignature):
        check_fork(Fork(ForkKind.SAME_SIZE, note(3, 1), note(3, 2, eve)).to_bytes(), [LOG.key])
    with pytest.raises(BadSignature):
        check_fork(FORK.to_bytes(), [eve.key])


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "lading/fork/v2"},
        {"kind": "unproven"},
        {"kind": "else"},
        {"shown": note(3, 1).decode()},
        {"shown": note(4, 1).decode()},
        {"shown": "no note"},
        {"shown": 3},
        {"more": ""},
    ],
)
def test_a_file_that_proves_nothing_is_refused(changed: dict[str, object]) -> None:
    value = json.loads(FORK.to_bytes()) | changed

    with pytest.raises(InputError):
        parse_fork(canonical(value))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", FORK.to_bytes() + b"\n"])
def test_bytes_that_are_no_file_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_fork(data)
