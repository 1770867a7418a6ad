"""Checkpoints (C2SP tlog-checkpoint): a log's origin, size and root in three lines, signed as a note.

A lading log signs with a key that is named like its origin, and writes no extension lines. Witnesses add their
cosignatures as further lines of the same note.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.audit.merkle import HASH_SIZE
from engine.audit.note import (
    Algorithm,
    NoteKey,
    Signed,
    decode_base64,
    encode_base64,
    open_note,
    split_note,
)
from engine.errors import BadSignature, InputError
from engine.events import SKEW
from engine.text import counted

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log.

    Attributes:
        origin: the log's name, such as `acme.example/lading/audit/0`.
        size: how many entries it has.
        root: the root hash over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return what is signed: origin, size and root, a line each."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that its log signed.

    Attributes:
        checkpoint: what was signed.
        cosigned: the known witnesses that cosigned it, with their times.
    """

    checkpoint: Checkpoint
    cosigned: tuple[Signed, ...]


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read a checkpoint's text.

    Raises:
        InputError: the text is not three lines of origin, size and root, each written in its one way.
    """
    match text.decode("utf-8", "replace").split("\n"):
        case [origin, size, encoded, ""] if origin:
            pass
        case _:
            raise _malformed("has not three lines, which are origin, size and root")
    root = decode_base64(encoded, what="the checkpoint's root")
    if len(root) != HASH_SIZE:
        raise _malformed(f"has a root of {len(root)} bytes instead of {HASH_SIZE}")
    return Checkpoint(origin, parse_decimal(size, what="the checkpoint's size"), root)


def demand_cosigned_within(signed: Signed, size: int, recorded: datetime, now: datetime) -> None:
    """Refuse a cosignature from before what it is of, or from the future: it would spoil all that is proved with it.

    Args:
        signed: the cosignature.
        size: how many entries it is of.
        recorded: when the last of them was recorded.
        now: the time.

    Raises:
        BadSignature: its time is further from both than clocks may be apart, or it carries none.
    """
    earliest, latest = (recorded - SKEW).timestamp(), (now + SKEW).timestamp()
    if signed.time is None or not earliest <= signed.time <= latest:
        raise BadSignature(
            f"{signed.key.name} cosigned {counted(size, 'entries')} at {signed.time} s after 1970, "
            f"expected a time from {earliest:.0f} to {latest:.0f}",
            remedy="Compare the clocks of this machine and of the witness.",
        )


def read_checkpoint(note: bytes) -> Checkpoint:
    """Read what a note claims, without verifying who signed it.

    Raises:
        InputError: the note is malformed, or no checkpoint.
    """
    return parse_checkpoint(split_note(note)[0])


def open_checkpoint(note: bytes, keys: Iterable[NoteKey]) -> SignedCheckpoint:
    """Verify a signed checkpoint.

    Args:
        note: the signed note.
        keys: pinned keys: the log's own, named like its origin, and those of any witnesses.

    Raises:
        InputError: the note is malformed, or no checkpoint.
        BadSignature: the log's key is not among `keys` or did not sign, or a known key's signature is wrong.
    """
    opened = open_note(note, keys)
    checkpoint = parse_checkpoint(opened.text)
    by_log = [signed for signed in opened.signatures if signed.key.algorithm is Algorithm.ED25519]
    if checkpoint.origin not in {signed.key.name for signed in by_log}:
        raise BadSignature(
            f"the checkpoint of {checkpoint.origin!a} is not signed by that log's own key",
            remedy="Pin the key of the log that the checkpoint is from, and try again.",
        )
    cosigned = tuple(signed for signed in opened.signatures if signed.key.algorithm is Algorithm.COSIGNATURE)
    return SignedCheckpoint(checkpoint, cosigned)


def parse_decimal(text: str, *, what: str) -> int:
    """Read a number below 10^19 that is written without sign or leading zeroes.

    Raises:
        InputError: any other text; `what` names it in the message.
    """
    if _DECIMAL.fullmatch(text) is None:
        raise _malformed(f"is unreadable: {what} reads {text[:40]!a}, which is no decimal number")
    return int(text)


def _malformed(why: str) -> InputError:
    return InputError(f"the checkpoint {why}", remedy="Get the checkpoint again from the log's owner.")
