"""Cosignatures of the log's checkpoints: which are kept, by whom, and of what time."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import open_checkpoint
from engine.audit.note import split_note
from engine.errors import BadSignature, InputError
from tests.unit.audit.conftest import Acme, Borealis


def test_checkpoints_that_nobody_cosigned_are_not_kept_but_can_be_cosigned_later(
    acme: Acme, borealis: Borealis
) -> None:
    with acme.open() as log:
        log.record_many(acme.events(3))
        old = log.checkpoint()
        log.record_many(acme.events(3, start=3))
        now = int(acme.clock().timestamp())
        line = borealis.signer.cosign(split_note(old)[0], now)

        log.add_cosignature(3, line, borealis.key)
        log.add_cosignature(3, borealis.signer.cosign(split_note(old)[0], now + 1), borealis.key)

        stored = log._db.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall()
        assert stored == [(3, old), (6, log.checkpoint())]
        assert log._db.execute("SELECT line FROM cosignature").fetchall() == [(line.decode(),)]
    assert acme.verify(witnesses=[borealis.key]).ok


def test_the_newest_checkpoint_is_given_with_its_cosignatures(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        note = borealis.cosign(log)

        signed = open_checkpoint(note, [log.key, borealis.key])
        assert [one.key for one in signed.cosigned] == [borealis.key]


def test_of_a_witness_answer_only_its_own_line_is_kept(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        text = split_note(log.checkpoint())[0]
        stranger = type(borealis.signer)("eve.example/w", Ed25519PrivateKey.generate(), borealis.key.algorithm)

        now = int(acme.clock().timestamp())
        log.add_cosignature(0, stranger.cosign(text, now) + borealis.signer.cosign(text, now), borealis.key)

        assert log.checkpoint().count("—".encode()) == 2


def test_a_witness_that_changes_its_key_is_known_by_the_one_it_signed_with(acme: Acme, borealis: Borealis) -> None:
    following = type(borealis.signer)(borealis.key.name, Ed25519PrivateKey.generate(), borealis.key.algorithm)
    with acme.open() as log:
        text, now = split_note(log.checkpoint())[0], int(acme.clock().timestamp())

        log.add_cosignature(0, borealis.signer.cosign(text, now), following.key, borealis.key)

        signed = open_checkpoint(log.checkpoint(), [log.key, borealis.key])
        assert [one.key for one in signed.cosigned] == [borealis.key]
        with pytest.raises(BadSignature, match="none of the known keys"):
            log.add_cosignature(0, borealis.signer.cosign(text, now), following.key)


@pytest.mark.parametrize("seconds", [-301, 301, -(10**9), 2**61])
def test_a_cosignature_from_before_what_it_is_of_or_from_the_future_is_not_kept(
    acme: Acme, borealis: Borealis, seconds: int
) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        text, now = split_note(log.checkpoint())[0], int(acme.clock().timestamp())

        with pytest.raises(BadSignature, match="cosigned 1 entry at"):
            log.add_cosignature(1, borealis.signer.cosign(text, now + seconds), borealis.key)

        assert log.cosigned_checkpoint(borealis.key.name) is None
        for clocks_apart in (-299, 299):
            log.add_cosignature(1, borealis.signer.cosign(text, now + clocks_apart), borealis.key)


def test_a_cosignature_that_comes_late_is_kept(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        line = borealis.signer.cosign(split_note(log.checkpoint())[0], int(acme.clock().timestamp()))
        acme.clock.move(days=30)

        log.add_cosignature(1, line, borealis.key)

        assert log.cosigned_checkpoint(borealis.key.name) is not None


@pytest.mark.parametrize("size", [-1, 2])
def test_a_cosignature_of_a_size_the_log_never_had_is_refused(acme: Acme, borealis: Borealis, size: int) -> None:
    with acme.open() as log:
        log.record(acme.event(0))

        with pytest.raises(InputError, match=f"a cosignature is of {size} entries, the audit log has 1"):
            log.add_cosignature(size, b"", borealis.key)


def test_a_cosignature_of_another_tree_is_refused(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        text = split_note(log.checkpoint())[0]
        log.record(acme.event(0))

        with pytest.raises(BadSignature):
            log.add_cosignature(1, borealis.signer.cosign(text, 1), borealis.key)
        assert log.record(acme.event(1)).index == 1
