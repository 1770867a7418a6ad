"""Opening sealed files: every byte is checked, and damage is named by file.

A frame that opens proves where it was put, not what it is: whoever has the public key can seal. So content counts
only once its SHA-256 was computed again.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.digest import sha256 as digest_of
from engine.errors import DigestMismatch, IntegrityError
from engine.store.disk import disk_errors, open_file
from engine.store.sealed import (
    PREFIX,
    Damaged,
    Entry,
    Names,
    head_size,
    open_blob,
    open_head,
    read_prefix,
    sealed_size,
)

SEND_AGAIN: Final = "Discard it and have the sender deliver again, or restore the store from a backup."


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file whose head was opened; frames are read when they are asked for.

    Attributes:
        path: where it lies; the name is the one it was sealed under.
        cipher: opens its frames.
        entries: what it holds, by digest.
    """

    path: Path
    cipher: AESGCM
    entries: Mapping[bytes, Entry]


def open_sealed(path: Path, private: X25519PrivateKey) -> SealedFile:
    """Open the head of a sealed file under the name it lies at.

    Raises:
        IntegrityError: the head was altered, or the file was cut, extended or renamed.
        StoreError: it is not there, or cannot be read.
    """
    with _reading(path) as descriptor:
        count = read_prefix(os.pread(descriptor, PREFIX, 0))
        data_key, entries = open_head(private, _name_of(path), os.pread(descriptor, head_size(count), 0))
        size = os.fstat(descriptor).st_size
        if size != entries[-1].end:
            raise Damaged(f"it has {size} bytes, where {entries[-1].end} were sealed")
    return SealedFile(path, AESGCM(data_key), {entry.digest: entry for entry in entries})


def unseal(file: SealedFile, digest: bytes, names: Names, frames: memoryview, content: memoryview) -> memoryview:
    """Return the content of a blob as it was sealed, its SHA-256 not computed yet.

    Args:
        file: an open file that holds the blob.
        digest: the blob's, 32 raw bytes.
        names: of the file's scope.
        frames: a buffer for what is read.
        content: a buffer for what comes out; the result is its first part.

    Raises:
        IntegrityError: a frame was altered or moved, or the file was cut.
        StoreError: the file was removed meanwhile, or cannot be read.
    """
    entry = file.entries[digest]
    frames = frames[: sealed_size(entry.size)]
    content = content[: entry.size]
    with _reading(file.path) as descriptor:
        if os.preadv(descriptor, [frames], entry.offset) != len(frames):
            raise Damaged("it was cut")
        open_blob(file.cipher, entry, names.of(digest), frames, content)
    return content


def check_digest(content: memoryview, digest: bytes) -> None:
    """Compute the SHA-256 of unsealed content again.

    Raises:
        DigestMismatch: somebody sealed other bytes under this digest.
    """
    found = digest_of(content)
    if found != digest.hex():
        raise DigestMismatch(f"the blob {digest.hex()} has the digest {found}", remedy=SEND_AGAIN)


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    try:
        with disk_errors("reading", path), open_file(path, os.O_RDONLY) as descriptor:
            yield descriptor
    except Damaged as damage:
        raise IntegrityError(f"the sealed file {path} is damaged: {damage}", remedy=SEND_AGAIN) from None


def _name_of(path: Path) -> bytes:
    try:
        return bytes.fromhex(path.name)
    except ValueError:
        raise Damaged("its name is not one the store gives") from None
