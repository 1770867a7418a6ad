"""The witness: it cosigns growth, and nothing else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import NoteSigner, open_note, split_note
from engine.audit.witness import BODY_LIMIT, Witness, add_checkpoint_body
from engine.errors import InputError, LogTampered
from tests.unit.audit.conftest import Acme, Borealis


@pytest.fixture
def log(acme: Acme) -> Iterator[AuditLog]:
    with acme.open() as log:
        log.record_many(acme.events(3))
        yield log


def signed(acme: Acme, size: int, root: bytes) -> bytes:
    text = Checkpoint(acme.origin, size, root).text()
    return text + b"\n" + NoteSigner(acme.origin, acme.private).sign(text)


def test_growth_is_cosigned_with_the_time(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    note = borealis.cosign(log)
    log.record_many(acme.events(300, start=3))
    acme.clock.move(minutes=1)
    note = borealis.cosign(log)

    (cosignature,) = open_note(note, [borealis.key]).signatures
    assert cosignature.time == int(acme.clock.now.timestamp())
    assert borealis.witness().last(acme.origin) == read_checkpoint(note)


def test_the_same_checkpoint_is_cosigned_again(borealis: Borealis, log: AuditLog) -> None:
    borealis.cosign(log)

    assert borealis.witness().add_checkpoint(add_checkpoint_body(3, [], log.checkpoint())).status == 200


def test_what_was_cosigned_is_remembered_over_a_restart(borealis: Borealis, log: AuditLog) -> None:
    borealis.cosign(log)

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(0, [], log.checkpoint()))

    assert (answer.status, answer.body, answer.content_type) == (409, b"3\n", "text/x.tlog.size")


def test_nothing_is_cosigned_that_could_not_be_remembered(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    witness = borealis.witness()
    borealis.folder.joinpath("witness.json").mkdir()

    with pytest.raises(OSError, match="directory"):
        witness.add_checkpoint(add_checkpoint_body(0, [], log.checkpoint()))
    assert witness.last(acme.origin) is None


def test_a_rolled_back_log_gets_nothing(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    older = log.checkpoint()
    log.record(acme.event(3))
    borealis.cosign(log)

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(3, [], older))

    assert (answer.status, answer.body) == (409, b"4\n")


def test_another_history_of_the_same_size_conflicts(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    borealis.cosign(log)

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(3, [], signed(acme, 3, bytes(32))))

    assert (answer.status, answer.body) == (409, b"3\n")


@pytest.mark.parametrize("proof", [[], [bytes(32)], [bytes(32)] * 3])
def test_another_history_that_is_longer_has_no_proof(
    acme: Acme, borealis: Borealis, log: AuditLog, proof: list[bytes]
) -> None:
    borealis.cosign(log)

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(3, proof, signed(acme, 9, bytes(32))))

    assert (answer.status, answer.content_type) == (422, "text/plain; charset=utf-8")


def test_the_first_checkpoint_needs_no_proof_and_may_bring_none(borealis: Borealis, log: AuditLog) -> None:
    note = log.checkpoint()

    assert borealis.witness().add_checkpoint(add_checkpoint_body(0, [bytes(32)], note)).status == 422
    assert borealis.witness().add_checkpoint(add_checkpoint_body(0, [], note)).status == 200


def test_an_unknown_log_is_not_found(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    acme.origin = "eve.example/lading/audit/0"

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(0, [], log.checkpoint()))

    assert (answer.status, answer.body) == (404, b"the log 'acme.example/lading/audit/0' is not witnessed here\n")


def test_a_checkpoint_that_the_log_did_not_sign_is_forbidden(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    text = split_note(log.checkpoint())[0]
    forged = text + b"\n" + NoteSigner(acme.origin, Ed25519PrivateKey.generate()).sign(text)

    assert borealis.witness().add_checkpoint(add_checkpoint_body(0, [], forged)).status == 403


@pytest.mark.parametrize(
    "body",
    [
        lambda _: b"",
        lambda note: note,
        lambda note: b"old 03\n\n" + note,
        lambda note: b"old -1\n\n" + note,
        lambda note: b"old 0\nAAAA\n\n" + note,
        lambda note: b"old 0\n" + b"A" * 43 + b"=\n" * 64 + b"\n" + note,
        lambda note: add_checkpoint_body(0, [bytes(32)] * 64, note),
        lambda note: add_checkpoint_body(4, [], note),
        lambda note: b"old 0\n\n" + note + b"not a signature\n",
        lambda note: b"old 0\n\n" + note.replace(b"\n3\n", b"\n3\n\nextension\n"),
        lambda _: b"old 0\n\n" + b"a" * BODY_LIMIT,
    ],
)
def test_a_malformed_request_is_a_bad_request(
    borealis: Borealis, log: AuditLog, body: Callable[[bytes], bytes]
) -> None:
    assert borealis.witness().add_checkpoint(body(log.checkpoint())).status == 400


@pytest.mark.parametrize(
    "state",
    [b"", b"{}", b"[]", b"null", b'{"cosigned":[1]}', b'{"cosigned":["x"]}', b'{"cosigned":["\\ud800"]}'],
)
def test_a_damaged_memory_is_not_taken_for_an_empty_one(borealis: Borealis, state: bytes) -> None:
    (borealis.folder / "witness.json").write_bytes(state)

    with pytest.raises(LogTampered, match="witness's state"):
        borealis.witness()


def test_the_memory_is_readable_text(borealis: Borealis, log: AuditLog) -> None:
    borealis.cosign(log)

    state = json.loads((borealis.folder / "witness.json").read_bytes())
    assert state == {"cosigned": [split_note(log.checkpoint())[0].decode()]}


def test_a_log_key_cannot_cosign(acme: Acme, tmp_path: Path) -> None:
    signer = NoteSigner(acme.origin, acme.private)

    with pytest.raises(InputError, match="not one for cosignatures"):
        Witness(tmp_path / "w.json", signer, {}.get, acme.clock)
