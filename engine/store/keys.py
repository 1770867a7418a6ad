"""Where a store's two secrets come from: the key that wraps, and the key that names.

The wrapping key (`store.key`) opens everything, and only the owner process needs it. The names key
(`store-names.key`) only turns digests into names: who has it can test whether a known file is held, nothing more.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from engine.errors import IntegrityError, StoreError
from engine.files import write_secret
from engine.store.disk import open_file

KEY_BYTES: Final = 32
WRAPPING_KEY: Final = "store.key"
NAMES_KEY: Final = "store-names.key"
_PURPOSE: Final = b"lading/store/wrap/v1\0"


class KeySource(Protocol):
    """Wraps private keys and names blobs.

    INVARIANT: `unwrap` opens only what `wrap` made under the same context.
    """

    @property
    def names_key(self) -> bytes:
        """The 32 bytes that turn digests into names."""
        ...

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypt `secret` (a multiple of 8 bytes) so that only `unwrap` under the same `context` opens it."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return what was wrapped.

        Raises:
            IntegrityError: another key or context wrapped it, or it was altered.
        """
        ...


class FileKeySource:
    """Both keys as files of 32 raw bytes with mode 0600."""

    def __init__(self, folder: Path) -> None:
        """Read `store.key` and `store-names.key` from `folder`.

        Raises:
            StoreError: a key is missing, readable by others, or not 32 bytes.
        """
        self._wrapping_key = read_key(folder / WRAPPING_KEY)
        self._names_key = read_key(folder / NAMES_KEY)

    @classmethod
    def create(cls, folder: Path) -> "FileKeySource":
        """Make two new random keys in `folder`.

        Raises:
            StoreError: there is a key already; keys are never overwritten.
        """
        for name in (WRAPPING_KEY, NAMES_KEY):
            try:
                write_secret(folder / name, secrets.token_bytes(KEY_BYTES))
            except FileExistsError:
                raise StoreError(
                    f"{folder / name} exists already, and a key is never overwritten",
                    remedy="Use the key that is there, or choose another folder.",
                ) from None
        return cls(folder)

    @property
    def names_key(self) -> bytes:
        """The 32 bytes that turn digests into names."""
        return self._names_key

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Wrap by AES-KW (RFC 3394) under a key that HKDF-SHA256 derives from `store.key` for this context."""
        return aes_key_wrap(self._key_for(context), secret)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return what `wrap` wrapped under the same context.

        Raises:
            IntegrityError: another key or context wrapped it, or it was altered.
        """
        try:
            return aes_key_unwrap(self._key_for(context), wrapped)
        except InvalidUnwrap:
            raise IntegrityError(
                f"a wrapped key does not open with {WRAPPING_KEY}: it was altered, or another key wrapped it",
                remedy=f"Put back the {WRAPPING_KEY} the store was made with, or restore the store from a backup.",
            ) from None

    def _key_for(self, context: bytes) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=_PURPOSE + context).derive(self._wrapping_key)


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file.

    Raises:
        StoreError: it is missing, a symbolic link, open to others than its owner, or not 32 bytes.
    """
    try:
        with open_file(path, os.O_RDONLY) as descriptor:
            status = os.fstat(descriptor)
            key = os.read(descriptor, KEY_BYTES + 1)
    except OSError as error:
        raise _bad_key(path, error.strerror or str(error)) from None
    if status.st_mode & 0o077:
        raise StoreError(
            f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, where 0600 is needed: others have access",
            remedy=f"Run: chmod 600 {path}. If others may have read it, treat the key as known.",
        )
    if len(key) != KEY_BYTES:
        raise _bad_key(path, f"{status.st_size} bytes, where {KEY_BYTES} are expected")
    return key


def _bad_key(path: Path, why: str) -> StoreError:
    return StoreError(f"the key {path} cannot be used: {why}", remedy="Restore the key file from its backup.")
