"""The sandbox's transparency log: an append-only file with a Merkle tree over it.

Each line of the file is `<root> <body>`: the hexadecimal root hash of the tree *with* this entry, a space, and the
entry's body in base64. The roots chain the lines: an edited, removed or reordered line contradicts the roots.

INVARIANTS
- An entry is on disk (fsync) before its checkpoint is signed.
- Only the last line can be torn by a crash; nobody was answered for it, so it is dropped.
- One process writes: the file is locked.

Specifications: RFC 6962 section 2.1, C2SP tlog-checkpoint and signed-note (with Rekor's ECDSA key ids).
"""

import base64
import fcntl
import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec

from engine.errors import LogTampered, OwnerBusy, StoreError
from engine.files import sync_folder
from engine.signing.sandbox.keys import ECDSA, spki
from engine.signing.sandbox.merkle import Tree


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry's place, with the evidence for it.

    Attributes:
        index: zero-based.
        size: number of entries in the tree that the evidence is about.
        root: that tree's root hash, 32 bytes.
        proof: inclusion proof, hashes of 32 bytes, lowest first.
        checkpoint: the signed note over size and root.
    """

    index: int
    size: int
    root: bytes
    proof: list[bytes]
    checkpoint: str


class TransparencyLog:
    """Appends entries and signs what it appended.

    Attributes:
        name: the log's name, in its trusted root and under its checkpoints.
        id: SHA-256 of the key's SubjectPublicKeyInfo.
    """

    def __init__(self, path: Path, *, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Open the log, making it if needed, and read it through.

        Raises:
            OwnerBusy: another process has it open.
            LogTampered: a line before the last contradicts its root.
        """
        self.name = name
        self.id = hashlib.sha256(spki(key.public_key())).digest()
        self._path = path
        self._key = key
        self._lock = threading.Lock()
        self._tree = Tree()
        self._length = 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._claim()
            self._load()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the open log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file; what was appended stays."""
        os.close(self._file)

    def append(self, body: bytes) -> Entry:
        """Append one entry durably.

        Raises:
            StoreError: the file cannot be written; the log is then as it was.
        """
        with self._lock:
            grown = self._tree.root_with(body)
            line = grown.hex().encode("ascii") + b" " + base64.b64encode(body) + b"\n"
            self._write(line)
            self._tree.append(body)
            self._length += len(line)
            index, size = len(self._tree) - 1, len(self._tree)
            return Entry(index, size, grown, self._tree.inclusion_proof(index), self._checkpoint(size, grown))

    def sign(self, data: bytes) -> bytes:
        """Return the log's ECDSA signature (DER) over `data`."""
        return self._key.sign(data, ECDSA)

    def _checkpoint(self, size: int, root: bytes) -> str:
        # Rekor's origin is "<name> - <tree id>"; the key id is the beginning of the log id.
        body = f"{self.name} - 1\n{size}\n{base64.b64encode(root).decode('ascii')}\n"
        signature = base64.b64encode(self.id[:4] + self.sign(body.encode("utf-8"))).decode("ascii")
        return f"{body}\n\u2014 {self.name} {signature}\n"

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OwnerBusy(
                f"another process has the log {self._path} open",
                remedy="Stop the other 'lading' process of this workspace, or let it sign.",
            ) from None
        sync_folder(self._path.parent)

    def _load(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            for line in lines:
                if not self._adopt(line):
                    self._drop_torn(lines.readline())
                    return

    def _adopt(self, line: bytes) -> bool:
        root, _, encoded = line.removesuffix(b"\n").partition(b" ")
        try:
            body = base64.b64decode(encoded, validate=True)
        except ValueError:
            return False
        grown = self._tree.root_with(body)
        if not line.endswith(b"\n") or root != grown.hex().encode("ascii"):
            return False
        self._tree.append(body)
        self._length += len(line)
        return True

    def _drop_torn(self, following: bytes) -> None:
        if following:
            raise LogTampered(
                f"entry {len(self._tree)} of the log {self._path} contradicts its root hash",
                remedy="Restore the file from a backup. Somebody edited it: find out who could.",
            )
        os.ftruncate(self._file, self._length)
        os.fsync(self._file)

    def _write(self, line: bytes) -> None:
        try:
            written = 0
            while written < len(line):
                written += os.pwrite(self._file, line[written:], self._length + written)
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._length)
            raise StoreError(
                f"the log {self._path} cannot be written: {error.strerror}",
                remedy="Free space on its disk, then retry.",
            ) from error
