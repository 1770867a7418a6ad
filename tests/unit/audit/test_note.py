"""Signed notes: what other implementations sign we open, and nothing altered opens."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.note import (
    NOTE_LIMIT,
    Algorithm,
    NoteKey,
    NoteSigner,
    decode_base64,
    encode_base64,
    open_note,
    parse_signature,
    split_note,
)
from engine.errors import BadSignature, InputError

# From the documentation of golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

TEXT = b"acme.example/lading/audit/0\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


def signer(name: str = "acme.example/log", algorithm: Algorithm = Algorithm.ED25519) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(b"k" * 32), algorithm)


def test_a_note_signed_by_go_opens_with_its_verifier_key() -> None:
    key = NoteKey.parse(GO_VKEY)

    note = open_note(GO_NOTE, [key])

    assert note.text.startswith(b"If you think")
    assert [signed.key for signed in note.signatures] == [key]
    assert key.vkey == GO_VKEY


def test_one_altered_letter_spoils_the_note() -> None:
    with pytest.raises(BadSignature, match="PeterNeumann does not verify"):
        open_note(GO_NOTE.replace(b"problem", b"Problem"), [NoteKey.parse(GO_VKEY)])


def test_a_signature_by_an_unknown_key_is_passed_over() -> None:
    known, stranger = signer(), signer("stranger.example/log")
    note = TEXT + b"\n" + stranger.sign(TEXT) + known.sign(TEXT)

    assert [signed.key for signed in open_note(note, [known.key]).signatures] == [known.key]


def test_a_note_that_only_strangers_signed_is_refused_and_says_who_was_expected() -> None:
    note = TEXT + b"\n" + signer("stranger.example/log").sign(TEXT)

    with pytest.raises(BadSignature, match=r"none of the known keys \(acme.example/log\)"):
        open_note(note, [signer().key])


def test_a_cosignature_carries_its_time_and_covers_it() -> None:
    witness = signer("borealis.example/witness", Algorithm.COSIGNATURE)
    line = witness.cosign(TEXT, 1_780_000_000)
    name, identifier, signature = parse_signature(line.decode().rstrip("\n"))

    assert open_note(TEXT + b"\n" + line, [witness.key]).signatures[0].time == 1_780_000_000
    later = (1_780_000_001).to_bytes(8, "big") + signature[8:]
    forged = f"— {name} {encode_base64(identifier + later)}\n".encode()
    with pytest.raises(BadSignature):
        open_note(TEXT + b"\n" + forged, [witness.key])


def test_a_cosignature_beyond_the_end_of_time_is_refused() -> None:
    witness = signer("borealis.example/witness", Algorithm.COSIGNATURE)

    with pytest.raises(BadSignature, match="no possible time"):
        open_note(TEXT + b"\n" + witness.cosign(TEXT, 2**63), [witness.key])


def test_the_same_key_under_another_algorithm_has_another_id() -> None:
    assert signer().key.id != signer(algorithm=Algorithm.COSIGNATURE).key.id


def test_a_repeated_signature_counts_once() -> None:
    line = signer().sign(TEXT)

    assert len(open_note(TEXT + b"\n" + line + line, [signer().key]).signatures) == 1


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + b"\n",
        TEXT + b"\nno signature line\n",
        TEXT + b"\n" + signer().sign(TEXT).rstrip(b"\n"),
        TEXT + b"\n- acme.example/log AAAAAAA=\n",
        TEXT + "\n— acme.example/log AAAA\n".encode(),
        TEXT + "\n— acme.example/log !!!!\n".encode(),
        b"\xff" + TEXT + b"\n" + signer().sign(TEXT),
        b"tab\there\n\n" + signer().sign(b"tab\there\n"),
        b"a" * NOTE_LIMIT + b"\n\n" + signer().sign(TEXT),
        TEXT + b"\n" + signer().sign(TEXT) * 101,
    ],
    ids=[
        "no signatures",
        "empty signatures",
        "not a signature",
        "no final newline",
        "a hyphen for the dash",
        "too short",
        "no base64",
        "no UTF-8",
        "control characters",
        "too large",
        "too many signatures",
    ],
)
def test_bytes_that_are_no_note_are_refused_as_input(note: bytes) -> None:
    with pytest.raises(InputError):
        open_note(note, [signer().key])


@pytest.mark.parametrize("text", ["QQ==", "QR==", "QQ", "QQ==\n", "Q Q==", "ä"])
def test_base64_has_one_spelling(text: str) -> None:
    if text == "QQ==":
        assert decode_base64(text, what="it") == b"A"
    else:
        with pytest.raises(InputError):
            decode_base64(text, what="it")


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"),
        GO_VKEY.replace("PeterNeumann", ""),
        "x+00000000+" + encode_base64(b"\x09" + b"k" * 32),
        "x+00000000+" + encode_base64(b"\x01" + b"k" * 31),
    ],
)
def test_a_verifier_key_that_is_not_one_is_refused(vkey: str) -> None:
    with pytest.raises(InputError):
        NoteKey.parse(vkey)


def test_the_text_may_hold_empty_lines() -> None:
    text = b"first\n\nsecond\n"

    assert split_note(text + b"\n" + signer().sign(text))[0] == text
