"""Proofs that an entry is in a log, as a text that anybody can check offline (C2SP tlog-proof).

    c2sp.org/tlog-proof@v1
    index 2
    <the hashes of the inclusion proof in base64, one per line>

    <the signed checkpoint>

The text proves a leaf that is handed over beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint, parse_decimal
from engine.audit.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from engine.audit.note import NOTE_LIMIT, NoteKey, decode_base64, encode_base64
from engine.errors import InputError, LogTampered

_FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
_PROOF_LIMIT: Final = 63
_TEXT_LIMIT: Final = NOTE_LIMIT + 8 * 1024
_REMEDY: Final = 'Ask whoever owns the log for the proof again: "lading audit prove".'


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it was read, not yet verified.

    Attributes:
        index: the entry's place in the log.
        hashes: the inclusion proof, sibling first, 32 bytes each.
        checkpoint: the signed checkpoint, with its cosignatures.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def format_proof(index: int, hashes: Sequence[bytes], checkpoint: bytes) -> str:
    """Write a proof.

    Args:
        index: the entry's place in the log.
        hashes: its inclusion proof in the tree of the checkpoint's size.
        checkpoint: the signed checkpoint.
    """
    lines = [_FIRST_LINE, f"index {index}", *map(encode_base64, hashes), "", checkpoint.decode("utf-8")]
    return "\n".join(lines)


def parse_proof(text: str) -> Proof:
    """Read a proof without believing it.

    Raises:
        InputError: the text is no tlog-proof, or holds extra data, which lading does not use.
    """
    if len(text) > _TEXT_LIMIT:
        raise _malformed(f"it has {len(text)} characters, at most {_TEXT_LIMIT} make sense")
    head, separator, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != _FIRST_LINE or not separator or not lines or not lines[0].startswith("index "):
        raise _malformed(f"it does not begin with the lines {_FIRST_LINE!r} and 'index N'")
    index = parse_decimal(lines[0].removeprefix("index "), what="the proof's index")
    return Proof(index, parse_hashes(lines[1:]), note.encode("utf-8", "surrogatepass"))


def verify_proof(text: str, leaf: bytes, keys: Iterable[NoteKey]) -> SignedCheckpoint:
    """Verify that `leaf` is in the log that made the proof.

    Args:
        text: the proof.
        leaf: the entry's leaf, byte for byte.
        keys: the pinned keys of the log and of any witnesses.

    Returns:
        The checkpoint that proves it, and who cosigned it.

    Raises:
        InputError: the text is no tlog-proof.
        BadSignature: the checkpoint is not signed by the pinned key of its log.
        LogTampered: the leaf is not at that place in the log.
    """
    proof = parse_proof(text)
    signed = open_checkpoint(proof.checkpoint, keys)
    size, root = signed.checkpoint.size, signed.checkpoint.root
    if not verify_inclusion(proof.index, size, leaf_hash(leaf), proof.hashes, root):
        raise LogTampered(
            f"the leaf is not entry {proof.index} of {signed.checkpoint.origin} at size {size}", remedy=_REMEDY
        )
    return signed


def parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Read the hashes of a proof, one in base64 per line.

    Raises:
        InputError: a line is no hash, or there are more than any proof needs.
    """
    if len(lines) > _PROOF_LIMIT:
        raise _malformed(f"it has {len(lines)} hashes, at most {_PROOF_LIMIT} make sense")
    hashes = tuple(decode_base64(line, what="a hash of the proof") for line in lines)
    if any(len(node) != HASH_SIZE for node in hashes):
        raise _malformed(f"a hash is not {HASH_SIZE} bytes long")
    return hashes


def _malformed(why: str) -> InputError:
    return InputError(f"the proof cannot be read: {why}", remedy=_REMEDY)
