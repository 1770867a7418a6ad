"""Signed notes (C2SP signed-note) with Ed25519 signatures and cosignatures (C2SP tlog-cosignature, v1).

A note is text ending in a newline, an empty line, and one line per signature:

    acme.example/lading/audit/0
    3
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — acme.example/lading/audit/0 hI2DJ0…

INVARIANTS
- A signature by a known key that does not verify spoils the note; signatures by unknown keys are passed over.
- Base64 counts only if encoding the bytes again gives the same text, so a note cannot be altered and stay valid.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.errors import BadSignature, InputError

NOTE_LIMIT: Final = 64 * 1024
"""The largest note that is looked at, in bytes."""

SIGNATURE_LIMIT: Final = 100
"""The most signature lines that a note may carry."""

KEPT_LIMIT: Final = 16 * 1024
"""The largest note of another log that is kept, and named in statements, in bytes."""

_KEY_SIZE: Final = 32
_ID_SIZE: Final = 4
_LATEST_TIME: Final = 2**63 - 1
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_REMEDY: Final = "Get the note again from whoever signed it, and compare the pinned key with theirs."


class Algorithm(IntEnum):
    """The signature type byte of a note key."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that notes are verified with.

    Attributes:
        name: who signs; for a log this is its origin.
        algorithm: plain Ed25519, or timestamped cosignatures.
        public: the raw Ed25519 key, 32 bytes.
        id: the first four bytes of SHA-256(name, newline, algorithm, public).

    Raises:
        InputError: the name is empty or has spaces or a plus sign, or the key is not 32 bytes.
    """

    name: str
    algorithm: Algorithm
    public: bytes
    id: bytes = field(init=False)
    _verifier: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse names and keys that no note can carry, and compute the id."""
        if not _is_name(self.name):
            raise _malformed(f"the key name {self.name!a} is empty or holds spaces or a plus sign")
        if len(self.public) != _KEY_SIZE:
            raise _malformed(f"the key of {self.name} has {len(self.public)} bytes instead of {_KEY_SIZE}")
        material = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        object.__setattr__(self, "id", hashlib.sha256(material).digest()[:_ID_SIZE])
        object.__setattr__(self, "_verifier", Ed25519PublicKey.from_public_bytes(self.public))

    @classmethod
    def parse(cls, vkey: str) -> "NoteKey":
        """Read a verifier key, `name+id in hex+base64(algorithm, key)`.

        Raises:
            InputError: the text is not a verifier key, its algorithm is unknown, or the id is not the key's own.
        """
        name, _, rest = vkey.partition("+")
        identifier, _, encoded = rest.partition("+")
        if not encoded:
            raise InputError(
                f"{vkey[:80]!a} is no verifier key, expected NAME+ID+BASE64",
                remedy='Copy the whole key as its owner gives it out ("lading audit key" prints a log\'s).',
            )
        material = decode_base64(encoded, what="the verifier key")
        if material[:1] not in {bytes([algorithm]) for algorithm in Algorithm}:
            raise _malformed(f"the verifier key of {name!a} has an algorithm that lading does not know")
        key = cls(name, Algorithm(material[0]), material[1:])
        if identifier != key.id.hex():
            raise _malformed(f"the verifier key of {name} says id {identifier!a}, its bytes have {key.id.hex()}")
        return key

    @property
    def vkey(self) -> str:
        """The verifier key as text, to be pinned by others."""
        material = bytes([self.algorithm]) + self.public
        return f"{self.name}+{self.id.hex()}+{encode_base64(material)}"

    def verify(self, text: bytes, signature: bytes) -> int | None:
        """Check a signature over a note's text, without the key id.

        Returns:
            The time of a cosignature in POSIX seconds; None for a plain signature, which carries no time.

        Raises:
            BadSignature: this key did not sign this text.
        """
        time: int | None = None
        if self.algorithm is Algorithm.COSIGNATURE:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            text = _cosigned(text, time)
        try:
            self._verifier.verify(signature, text)
        except InvalidSignature:
            raise BadSignature(f"the signature by {self.name} does not verify", remedy=_REMEDY) from None
        if time is not None and time > _LATEST_TIME:
            raise BadSignature(f"the cosignature by {self.name} is of no possible time", remedy=_REMEDY)
        return time


class NoteSigner:
    """A private key that signs notes.

    Attributes:
        key: the public half.
    """

    def __init__(self, name: str, private: Ed25519PrivateKey, algorithm: Algorithm = Algorithm.ED25519) -> None:
        self.key = NoteKey(name, algorithm, private.public_key().public_bytes_raw())
        self._private = private

    def sign(self, text: bytes) -> bytes:
        """Return the signature line over a note's text. The same text has the same line, always."""
        return self._line(self._private.sign(text))

    def cosign(self, text: bytes, time: int) -> bytes:
        """Return the cosignature line over a checkpoint's text, as of `time` in POSIX seconds."""
        return self._line(struct.pack(">Q", time) + self._private.sign(_cosigned(text, time)))

    def _line(self, signature: bytes) -> bytes:
        return f"— {self.key.name} {encode_base64(self.key.id + signature)}\n".encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified signature: the key, and for cosignatures the time in POSIX seconds."""

    key: NoteKey
    time: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose signatures by known keys were verified.

    Attributes:
        text: what was signed, with its final newline.
        signatures: who of the known keys signed, in the order of the lines, each key once.
    """

    text: bytes
    signatures: tuple[Signed, ...]


def open_note(note: bytes, keys: Iterable[NoteKey]) -> Note:
    """Verify a note.

    Raises:
        InputError: the bytes are no note.
        BadSignature: a known key's signature does not verify, or no known key signed.
    """
    text, lines = split_note(note)
    known = {(key.name, key.id): key for key in keys}
    verified: dict[NoteKey, Signed] = {}
    for line in lines:
        name, identifier, signature = parse_signature(line)
        key = known.get((name, identifier))
        if key is not None and key not in verified:
            verified[key] = Signed(key, key.verify(text, signature))
    if not verified:
        names = ", ".join(sorted(name for name, _ in known)) or "nobody"
        raise BadSignature(f"the note is signed by none of the known keys ({names})", remedy=_REMEDY)
    return Note(text, tuple(verified.values()))


def known_lines(note: bytes, keys: Iterable[NoteKey]) -> dict[NoteKey, str]:
    """Return the signature lines of known keys, without their newlines, in the order of `keys`.

    Unlike `open_note` it passes over a line that does not verify: whoever passes a note on can add such a line.

    Raises:
        InputError: the bytes are no note.
    """
    text, lines = split_note(note)
    shown: dict[tuple[str, bytes], tuple[bytes, str]] = {}
    for line in lines:
        name, identifier, signature = parse_signature(line)
        shown.setdefault((name, identifier), (signature, line))
    found: dict[NoteKey, str] = {}
    for key in keys:
        signature, line = shown.get((key.name, key.id), (b"", ""))
        with suppress(BadSignature):
            key.verify(text, signature)
            found[key] = line
    return found


def known_part(note: bytes, keys: Iterable[NoteKey]) -> bytes:
    """Return a note with the signature lines of known keys alone, as `known_lines` has them, in `KEPT_LIMIT` bytes.

    Raises:
        InputError: the bytes are no note.
    """
    return compose_note(split_note(note)[0], known_lines(note, keys).values())


def compose_note(text: bytes, lines: Iterable[str]) -> bytes:
    """Return a note: its text, the first line, and of the further ones those that `KEPT_LIMIT` has room for.

    It has at most `SIGNATURE_LIMIT` lines.
    """
    note = text + b"\n"
    for number, line in enumerate(islice(lines, SIGNATURE_LIMIT)):
        more = f"{line}\n".encode()
        if number == 0 or len(note) + len(more) <= KEPT_LIMIT:
            note += more
    return note


def split_note(note: bytes) -> tuple[bytes, list[str]]:
    """Take a note apart without verifying anything.

    Returns:
        The text with its final newline, and the signature lines without theirs.

    Raises:
        InputError: the bytes are no note, or more of one than makes sense.
    """
    if len(note) > NOTE_LIMIT:
        raise _malformed(f"the note has {len(note)} bytes, at most {NOTE_LIMIT} make sense")
    try:
        decoded = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} of the note is not UTF-8") from None
    if _CONTROL.search(decoded):
        raise _malformed("the note holds control characters")
    text, separator, signatures = decoded.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise _malformed("the note has no signatures after its last empty line")
    lines = signatures[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise _malformed(f"the note has {len(lines)} signatures, at most {SIGNATURE_LIMIT} make sense")
    return f"{text}\n".encode(), lines


def parse_signature(line: str) -> tuple[str, bytes, bytes]:
    """Take one signature line (without newline) apart into name, key id and signature.

    Raises:
        InputError: the line is no signature line.
    """
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not _is_name(name):
        raise _malformed(f"a signature line reads {line[:80]!a}")
    raw = decode_base64(encoded, what=f"the signature of {name}")
    if len(raw) <= _ID_SIZE:
        raise _malformed(f"the signature of {name!a} is too short")
    return name, raw[:_ID_SIZE], raw[_ID_SIZE:]


def _is_name(text: str) -> bool:
    odd = any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in text)
    return text != "" and "+" not in text and not odd


def encode_base64(data: bytes) -> str:
    """Return `data` in standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, *, what: str) -> bytes:
    """Decode standard base64 that is written in the one way `encode_base64` writes it.

    Raises:
        InputError: any other text, such as one with altered trailing bits; `what` names it in the message.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(f"{what} is not base64") from None
    if encode_base64(data) != text:
        raise _malformed(f"{what} is base64 with stray bits")
    return data


def _cosigned(text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text


def _malformed(why: str) -> InputError:
    return InputError(why, remedy=_REMEDY)
