"""Finding and reading what one scope holds."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from engine.errors import IntegrityError, StoreError
from engine.files import sync_folder
from engine.store.buffers import Buffers
from engine.store.disk import disk_errors
from engine.store.packs import PackIndex
from engine.store.reader import SEND_AGAIN, SealedFile, check_digest, open_sealed, unseal
from engine.store.sealed import CHUNK_LIMIT, Names, sealed_size
from engine.store.spool import Spool


class Shelf:
    """The sealed files of one scope. Any number of threads may use it at once."""

    def __init__(self, spool: Spool, private: X25519PrivateKey, names: Names) -> None:
        self._spool = spool
        self._private = private
        self._names = names
        self._packs = PackIndex(spool.packs, private)
        self._buffers = Buffers(sealed_size(CHUNK_LIMIT))

    def holds(self, digest: bytes) -> bool:
        """Say whether a file claims to hold the blob; only reading proves that it is intact."""
        path = self._path_of(digest)
        with disk_errors("looking for", path):
            try:
                return path.exists() or self._packs.find(digest) is not None
            except IntegrityError:
                return False

    def find(self, digest: bytes) -> SealedFile:
        """Return the file that holds a blob.

        Raises:
            IntegrityError: the file is damaged, or a damaged pack may have held it.
            StoreError: the scope does not hold the blob.
        """
        path = self._path_of(digest)
        with disk_errors("looking for", path):
            if path.exists():
                return self.open(path)
            pack = self._packs.find(digest)
        if pack is None:
            raise StoreError(
                f"the blob {digest.hex()} is not held under this agreement",
                remedy="Have the sender run the transfer again: what is missing is sent.",
            )
        return pack

    def open(self, path: Path) -> SealedFile:
        """Open a file of this shelf.

        Raises:
            IntegrityError: it is damaged, or holds another blob than its name says.
        """
        file = open_sealed(path, self._private)
        if path.parent == self._spool.blobs and [self._path_of(digest) for digest in file.entries] != [path]:
            raise IntegrityError(f"the sealed file {path} holds another blob than its name says", remedy=SEND_AGAIN)
        return file

    @contextmanager
    def unsealed(self, file: SealedFile, digest: bytes) -> Iterator[memoryview]:
        """Lend the content of a blob. INVARIANT: nobody uses it before comparing a SHA-256 that covers it.

        Raises:
            IntegrityError: the file is damaged.
        """
        with self._buffers.lend() as frames, self._buffers.lend() as content:
            yield unseal(file, digest, self._names, frames, content)

    @contextmanager
    def verified(self, file: SealedFile, digest: bytes) -> Iterator[memoryview]:
        """Lend the content of a blob whose SHA-256 was computed from the bytes on disk.

        Raises:
            IntegrityError: the file is damaged, or other bytes were sealed under this digest.
        """
        with self.unsealed(file, digest) as content:
            check_digest(content, digest)
            yield content

    def paths(self) -> list[Path]:
        """Return every file of the scope, sorted, packs last."""
        folders = (self._spool.blobs, self._spool.packs)
        with disk_errors("listing", self._spool.blobs):
            return [path for folder in folders for path in sorted(folder.iterdir())]

    def discard(self, digests: Collection[bytes]) -> None:
        """Remove blobs, durably; a pack goes when all it holds is discarded."""
        with disk_errors("discarding from", self._spool.blobs):
            for digest in digests:
                self._path_of(digest).unlink(missing_ok=True)
            self._packs.discard(digests)
            sync_folder(self._spool.blobs)
            sync_folder(self._spool.packs)

    def _path_of(self, digest: bytes) -> Path:
        return self._spool.blobs / self._names.of(digest).hex()
