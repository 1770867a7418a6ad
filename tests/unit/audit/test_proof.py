"""Offline proofs: a text, a leaf and pinned keys are enough."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.note import NoteSigner
from engine.audit.proof import format_proof, parse_proof, verify_proof
from engine.errors import BadSignature, InputError, LogTampered
from tests.unit.audit.conftest import Acme, Borealis


@pytest.fixture
def shown(acme: Acme, borealis: Borealis) -> tuple[bytes, str]:
    """An entry's leaf and its proof, as they are handed over."""
    with acme.open() as log:
        log.record_many(acme.events(300))
        note = borealis.cosign(log)
        return log.entry(7).leaf, format_proof(7, log.prove(7, 300), note)


def test_a_proof_verifies_with_nothing_but_the_keys(acme: Acme, borealis: Borealis, shown: tuple[bytes, str]) -> None:
    leaf, text = shown

    signed = verify_proof(text, leaf, [acme.key, borealis.key])

    assert (signed.checkpoint.origin, signed.checkpoint.size) == (acme.origin, 300)
    assert [one.key for one in signed.cosigned] == [borealis.key]


def test_a_proof_reads_as_tlog_proof_describes_it(acme: Acme, shown: tuple[bytes, str]) -> None:
    lines = shown[1].split("\n")

    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 7"]
    assert len(parse_proof(shown[1]).hashes) == lines.index("") - 2 == 9
    assert lines[lines.index("") + 1] == acme.origin


def test_the_only_entry_of_a_log_has_an_empty_proof(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        text = format_proof(0, log.prove(0, 1), log.checkpoint())

        assert verify_proof(text, log.entry(0).leaf, [acme.key]).checkpoint.size == 1


def test_another_leaf_or_another_place_is_not_proved(acme: Acme, shown: tuple[bytes, str]) -> None:
    leaf, text = shown

    with pytest.raises(LogTampered, match="is not entry 7"):
        verify_proof(text, leaf.replace(b"permit", b"deny"), [acme.key])
    with pytest.raises(LogTampered, match="is not entry 8"):
        verify_proof(text.replace("index 7", "index 8"), leaf, [acme.key])


def test_a_log_whose_key_is_not_pinned_proves_nothing(acme: Acme, borealis: Borealis, shown: tuple[bytes, str]) -> None:
    leaf, text = shown
    stranger = NoteSigner(acme.origin, Ed25519PrivateKey.generate()).key

    with pytest.raises(BadSignature):
        verify_proof(text, leaf, [stranger])
    with pytest.raises(BadSignature, match="not signed by that log's own key"):
        verify_proof(text, leaf, [borealis.key])


@pytest.mark.parametrize(
    "edit",
    [
        lambda _: "",
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("index 7", "index 07"),
        lambda text: text.replace("index 7", "extra QQ==\nindex 7"),
        lambda text: text.replace("index 7\n", "index 7\nAAAA\n"),
        lambda text: text.replace("index 7\n", "index 7\n" + ("A" * 43 + "=\n") * 64),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text + "x" * 100_000,
        lambda text: text.replace("acme", "\ud800", 1),
    ],
)
def test_a_text_that_is_no_proof_is_refused(acme: Acme, shown: tuple[bytes, str], edit: Callable[[Any], Any]) -> None:
    leaf, text = shown

    with pytest.raises(InputError):
        verify_proof(edit(text), leaf, [acme.key])
