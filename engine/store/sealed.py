"""The sealed file: one blob, or a pack of small ones, encrypted to a scope's public key. No IO happens here.

    magic (8) | count (4) | HPKE(data key, count x (sha256, size)) | frames of blob 1 | frames of blob 2 | ...

HPKE's `info` binds scope and file name, so a file opens under its own name only. Each frame is AES-256-GCM over at
most 1 MiB, with blob name, slot and SHA-256 as associated data, so a frame fits one place only. See
`docs/formats/store.md`.
"""

import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"lading\0\1"
FRAME: Final = 1 << 20
CHUNK_LIMIT: Final = 4 << 20
"""The largest blob, in bytes of content."""
PACK_LIMIT: Final = 8 << 20
"""The most a pack may hold, in bytes of content."""
PACK_BLOBS: Final = 16_384
"""The most blobs one pack may hold."""

DATA_KEY: Final = 32
PREFIX: Final = len(MAGIC) + 4
_NONCE: Final = 12
_OVERHEAD: Final = _NONCE + 16
_HPKE_OVERHEAD: Final = 32 + 16
_ROW: Final = 32 + 4
_PURPOSE: Final = b"lading/store/file/v1\0"
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Damaged(Exception):  # noqa: N818 - the border of the room turns it into an IntegrityError with a path
    """Bytes that were not sealed as what they are read as; `str()` says which part."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names what one scope holds: HMAC-SHA256 over public key and digests, so that names tell nothing.

    Attributes:
        key: the names key, 32 bytes.
        public: the scope's public key, 32 bytes.
    """

    key: bytes
    public: bytes

    def of(self, *digests: bytes) -> bytes:
        """Return the 32-byte name of a blob, or of a pack of blobs, by their SHA-256 digests."""
        return hmac.digest(self.key, self.public + b"".join(digests), "sha256")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one blob lies in its sealed file.

    Attributes:
        digest: SHA-256 of the content, 32 raw bytes.
        size: of the content, in bytes.
        offset: of the first frame, in bytes from the start of the file.
    """

    digest: bytes
    size: int
    offset: int

    @property
    def end(self) -> int:
        """The offset behind the last frame."""
        return self.offset + sealed_size(self.size)


def sealed_size(size: int) -> int:
    """Return how many bytes the frames of `size` bytes of content take; empty content takes one empty frame."""
    return size + _OVERHEAD * max(1, -(-size // FRAME))


def head_size(count: int) -> int:
    """Return how many bytes stand before the first frame of a file with `count` blobs."""
    return PREFIX + _HPKE_OVERHEAD + DATA_KEY + _ROW * count


def lay_out(blobs: Sequence[tuple[bytes, int]]) -> tuple[Entry, ...]:
    """Place blobs, given as (digest, size), one behind the other."""
    entries = []
    offset = head_size(len(blobs))
    for digest, size in blobs:
        entries.append(Entry(digest, size, offset))
        offset = entries[-1].end
    return tuple(entries)


def seal_head(public: X25519PublicKey, name: bytes, data_key: bytes, entries: Iterable[Entry]) -> bytes:
    """Return the head of the file `name`: only the scope's private key finds data key and contents in it."""
    rows = [entry.digest + entry.size.to_bytes(4, "big") for entry in entries]
    table = data_key + b"".join(rows)
    info = _PURPOSE + public.public_bytes_raw() + name
    return MAGIC + len(rows).to_bytes(4, "big") + _SUITE.encrypt(table, public, info)


def read_prefix(prefix: bytes) -> int:
    """Return how many blobs a file holds, from its first `PREFIX` bytes.

    Raises:
        Damaged: these are not the first bytes of a sealed file.
    """
    count = int.from_bytes(prefix[len(MAGIC) :], "big")
    if len(prefix) != PREFIX or not prefix.startswith(MAGIC) or not 1 <= count <= PACK_BLOBS:
        raise Damaged("its first bytes are not those of a sealed file")
    return count


def open_head(private: X25519PrivateKey, name: bytes, head: bytes) -> tuple[bytes, tuple[Entry, ...]]:
    """Return data key and contents from the head of the file `name`.

    Raises:
        Damaged: the head was altered, cut, or sealed under another name or to another scope.
    """
    info = _PURPOSE + private.public_key().public_bytes_raw() + name
    try:
        table = _SUITE.decrypt(head[PREFIX:], private, info)
    except (InvalidTag, ValueError):
        raise Damaged("its head was altered, or sealed under another name") from None
    rows = [table[at : at + _ROW] for at in range(DATA_KEY, len(table), _ROW)]
    entries = lay_out([(row[:32], int.from_bytes(row[32:], "big")) for row in rows])
    if any(entry.size > CHUNK_LIMIT for entry in entries):
        raise Damaged(f"it claims a blob of more than {CHUNK_LIMIT} bytes")
    return table[:DATA_KEY], entries


def seal_blob(cipher: AESGCM, entry: Entry, name: bytes, content: memoryview, file: memoryview) -> None:
    """Seal the content of the blob `name` into its place in `file`."""
    at = entry.offset
    for slot, start in enumerate(range(0, max(1, entry.size), FRAME)):
        frame = content[start : start + FRAME]
        nonce = os.urandom(_NONCE)
        behind = at + len(frame) + _OVERHEAD
        file[at : at + _NONCE] = nonce
        cipher.encrypt_into(nonce, frame, _associated(name, slot, entry.digest), file[at + _NONCE : behind])
        at = behind


def open_blob(cipher: AESGCM, entry: Entry, name: bytes, frames: memoryview, content: memoryview) -> None:
    """Unseal the frames of the blob `name` into `content`, which has the content's exact size.

    Raises:
        Damaged: a frame was altered, or belongs to another place.
    """
    at = 0
    for slot, start in enumerate(range(0, max(1, entry.size), FRAME)):
        frame = content[start : start + FRAME]
        behind = at + len(frame) + _OVERHEAD
        try:
            cipher.decrypt_into(
                frames[at : at + _NONCE],
                frames[at + _NONCE : behind],
                _associated(name, slot, entry.digest),
                frame,
            )
        except InvalidTag:
            raise Damaged(f"frame {slot} of a blob was altered, or moved from another place") from None
        at = behind


def _associated(name: bytes, slot: int, digest: bytes) -> bytes:
    return name + slot.to_bytes(4, "big") + digest
