"""The witness: it cosigns growth, and nothing else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import NoteSigner, open_note, split_note
from engine.audit.remembered import Remembered
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


def test_a_witness_that_ends_before_it_remembers_has_cosigned_nothing(
    acme: Acme, borealis: Borealis, log: AuditLog
) -> None:
    memory = borealis.folder / "seen.jsonl"
    memory.mkdir()
    with pytest.raises(OSError, match="directory"):
        borealis.witness().add_checkpoint(add_checkpoint_body(0, [], log.checkpoint()))
    assert not (borealis.folder / "witness.json").exists()

    memory.rmdir()

    assert borealis.witness().last(acme.origin) is None
    borealis.cosign(log)


def test_a_witness_that_ends_before_its_state_is_saved_cosigns_the_same_checkpoint_later(
    acme: Acme, borealis: Borealis, log: AuditLog
) -> None:
    note = fail_to_save(borealis, log)

    assert borealis.remembered.all(acme.origin) == (note,)
    assert borealis.witness().last(acme.origin) is None
    assert borealis.witness().add_checkpoint(add_checkpoint_body(0, [], note)).status == 200
    assert borealis.remembered.all(acme.origin) == (note,)


def test_a_witness_that_ends_before_its_state_is_saved_cosigns_no_other_root_of_that_size(
    acme: Acme, borealis: Borealis, log: AuditLog
) -> None:
    note = fail_to_save(borealis, log)

    answer = borealis.witness().add_checkpoint(add_checkpoint_body(0, [], signed(acme, 3, bytes(32))))

    assert (answer.status, answer.body) == (409, b"0\n")
    assert borealis.witness().last(acme.origin) is None
    assert borealis.remembered.all(acme.origin) == (note,)
    log.record(acme.event(3))
    borealis.cosign(log)


def fail_to_save(borealis: Borealis, log: AuditLog) -> bytes:
    """End a witness after it remembered a checkpoint and before its state says so; return that checkpoint."""
    witness, note, state = borealis.witness(), log.checkpoint(), borealis.folder / "witness.json"
    state.mkdir()
    with pytest.raises(OSError, match="directory"):
        witness.add_checkpoint(add_checkpoint_body(0, [], note))
    state.rmdir()
    return note


def test_a_witness_that_ends_before_it_answers_has_remembered_and_cosigns_again(
    acme: Acme, borealis: Borealis, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_: bytes, time: int) -> bytes:
        raise KeyboardInterrupt(time)

    note = log.checkpoint()
    with monkeypatch.context() as patch:
        patch.setattr(borealis.signer, "cosign", end)
        with pytest.raises(KeyboardInterrupt):
            borealis.witness().add_checkpoint(add_checkpoint_body(0, [], note))

    assert borealis.remembered.all(acme.origin) == (note,)
    assert borealis.witness().last(acme.origin) == read_checkpoint(note)
    assert borealis.witness().add_checkpoint(add_checkpoint_body(0, [], note)).body == b"3\n"
    assert borealis.witness().add_checkpoint(add_checkpoint_body(3, [], note)).status == 200


def test_a_size_that_cannot_be_remembered_is_refused_before_anything_is_written(acme: Acme, borealis: Borealis) -> None:
    witness = borealis.witness()

    for size in (2**53, 2**63 - 1, 10**19 - 1):
        answer = witness.add_checkpoint(add_checkpoint_body(0, [], signed(acme, size, bytes(32))))
        assert (answer.status, b"expected at most 9007199254740991" in answer.body) == (400, True)
    assert list(borealis.folder.glob("*.json*")) == []
    assert witness.add_checkpoint(add_checkpoint_body(0, [], signed(acme, 2**53 - 1, bytes(32)))).status == 200


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
        Witness(tmp_path / "w.json", signer, {}.get, acme.clock, Remembered(tmp_path / "seen.jsonl"))
