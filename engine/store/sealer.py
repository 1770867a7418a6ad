"""Sealing: the half of the store that faces the network. It holds no key that opens anything.

It may run in any number of processes and threads at once, and needs neither the owner nor a database.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.digest import is_digest
from engine.digest import sha256 as digest_of
from engine.errors import DigestMismatch, InputError
from engine.store.buffers import Buffers
from engine.store.sealed import (
    CHUNK_LIMIT,
    PACK_BLOBS,
    PACK_LIMIT,
    Names,
    head_size,
    lay_out,
    seal_blob,
    seal_head,
    sealed_size,
)
from engine.store.spool import Spool


class Sealer:
    """Puts blobs into one scope, sealed to its public key."""

    def __init__(self, folder: Path, scope_public: bytes, names_key: bytes) -> None:
        """Seal into a scope that `Store.open_scope` made.

        Args:
            folder: the store's folder.
            scope_public: `Scope.public`, 32 bytes.
            names_key: `KeySource.names_key`, 32 bytes.
        """
        self._public = X25519PublicKey.from_public_bytes(scope_public)
        self._names = Names(names_key, scope_public)
        self._spool = Spool(folder / scope_public.hex())
        self._chunk_buffers = Buffers(head_size(1) + sealed_size(CHUNK_LIMIT))
        self._pack_buffers = Buffers(head_size(PACK_BLOBS) + PACK_BLOBS * sealed_size(0) + sealed_size(PACK_LIMIT))

    def put(self, sha256: str, data: memoryview) -> bool:
        """Seal one blob. When this returns, the blob survives a power cut.

        Args:
            sha256: the digest the content must have; a caller's claim, checked before anything else.
            data: the content, at most `CHUNK_LIMIT` bytes.

        Returns:
            True if the blob is new, False if the scope held it already.

        Raises:
            DigestMismatch: `data` has another digest; nothing was written.
            InputError: `sha256` is no digest, or `data` is too large.
            StoreError: the disk is full or broken, or the scope was destroyed; nothing was kept.
        """
        digest = _checked(sha256, data)
        target = self._spool.blobs / self._names.of(digest).hex()
        if self._spool.holds(target):
            return False
        with self._chunk_buffers.lend() as buffer:
            self._spool.write(target, self._seal([(digest, data)], buffer))
        return True

    def put_pack(self, blobs: Sequence[tuple[str, memoryview]]) -> bool:
        """Seal many small blobs into one file: all of them are durable for the price of one.

        Args:
            blobs: digest and content of each; at most `PACK_BLOBS`, and `PACK_LIMIT` bytes together.

        Returns:
            True if the pack is new, False if the scope held the very same pack already.

        Raises:
            DigestMismatch: one blob has another digest; nothing was written.
            InputError: one digest is no digest, or there are none, too many or too large ones.
            StoreError: as `put`.
        """
        total = sum(len(data) for _, data in blobs)
        if not 1 <= len(blobs) <= PACK_BLOBS or total > PACK_LIMIT:
            raise InputError(
                f"a pack of {len(blobs)} blobs and {total} bytes: 1 to {PACK_BLOBS} blobs and at most "
                f"{PACK_LIMIT} bytes are expected",
                remedy="Divide the pack.",
            )
        contents = [(_checked(sha256, data), data) for sha256, data in blobs]
        target = self._spool.packs / self._names.of(*(digest for digest, _ in contents)).hex()
        if self._spool.holds(target):
            return False
        with self._pack_buffers.lend() as buffer:
            self._spool.write(target, self._seal(contents, buffer))
        return True

    def _seal(self, contents: Sequence[tuple[bytes, memoryview]], buffer: memoryview) -> memoryview:
        entries = lay_out([(digest, len(data)) for digest, data in contents])
        name = self._names.of(*(entry.digest for entry in entries))
        data_key = AESGCM.generate_key(256)
        head = seal_head(self._public, name, data_key, entries)
        buffer[: len(head)] = head
        cipher = AESGCM(data_key)
        for entry, (digest, data) in zip(entries, contents, strict=True):
            seal_blob(cipher, entry, self._names.of(digest), data, buffer)
        return buffer[: entries[-1].end]


def _checked(sha256: str, data: memoryview) -> bytes:
    if not is_digest(sha256) or len(data) > CHUNK_LIMIT:
        raise InputError(
            f"{sha256[:80]!r} with {len(data)} bytes is no blob: 64 lower-case hexadecimal characters and at most "
            f"{CHUNK_LIMIT} bytes are expected",
            remedy="Cut the file into chunks again.",
        )
    found = digest_of(data)
    if found != sha256:
        raise DigestMismatch(
            f"the bytes sent as {sha256} have the digest {found}",
            remedy="Send the chunk again, from a source that is not changing.",
        )
    return bytes.fromhex(sha256)
