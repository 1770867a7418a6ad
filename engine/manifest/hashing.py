"""A file's digest, its chunks and its format, all from one reading.

The digests of the file and of a chunk cost the same, so a large chunk is hashed in another thread while the file's
digest is brought up to date in this one: hashlib lets go of the interpreter lock.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, TypeVar

from engine.digest import sha256
from engine.errors import ManifestError
from engine.manifest.chunks import Chunk
from engine.manifest.cuts import fixed_cuts, tensor_cuts
from engine.manifest.formats import recognise
from engine.manifest.reading import Reading
from engine.manifest.safetensors import PREFIX_BYTES, header_bytes, tensor_sizes
from engine.manifest.walk import Seen

_WORTH_A_THREAD: Final = 512 * 1024  # bytes; handing over less costs more than hashing it

_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Hashed:
    """What one reading of a file gave.

    Attributes:
        file: the file.
        sha256: digest of the whole.
        chunks: its pieces, in order.
        format: what it parses as.
        head: its first chunk, if that was asked for.
    """

    file: Seen
    sha256: str
    chunks: tuple[Chunk, ...]
    format: str
    head: bytes | None = None


def file_digest(reading: Reading) -> str:
    """Return the SHA-256 of a file."""
    whole = hashlib.sha256()
    for piece in reading.pieces(fixed_cuts(reading.file.size)):
        whole.update(piece)
    return whole.hexdigest()


class Cutting:
    """Cuts files into chunks and hashes both.

    Args:
        beside: where chunks are hashed while their file is.
        keep: says of a path whether the first chunk is to be kept.
    """

    def __init__(self, beside: Executor, keep: Callable[[str], bool]) -> None:
        self._beside, self._keep = beside, keep

    def __call__(self, reading: Reading) -> Hashed:
        """Read a file from its first byte to its last.

        Raises:
            ManifestError: it is named `.safetensors` and is not.
        """
        if reading.file.path.lower().endswith(".safetensors"):
            return self._cut_safetensors(reading)
        return self._cut_other(reading)

    def _cut_safetensors(self, reading: Reading) -> Hashed:
        hashing = _Hashing(reading, self._beside)
        length = _parsed(reading.file, header_bytes, reading.prefix(PREFIX_BYTES))
        header = b"".join(bytes(piece) for piece in hashing.pieces(fixed_cuts(length)))
        for _ in hashing.pieces(tensor_cuts(_parsed(reading.file, tensor_sizes, header))):
            pass
        return hashing.result("safetensors")

    def _cut_other(self, reading: Reading) -> Hashed:
        path, size = reading.file.path, reading.file.size
        hashing = _Hashing(reading, self._beside)
        pieces = hashing.pieces(fixed_cuts(size))
        first = next(pieces, memoryview(b""))
        found = recognise(path, first, size)
        head = bytes(first) if self._keep(path) else None
        for _ in pieces:
            pass
        return hashing.result(found, head)


class _Hashing:
    """The digests of one file, growing as it is read."""

    def __init__(self, reading: Reading, beside: Executor) -> None:
        self._reading, self._beside = reading, beside
        self._whole = hashlib.sha256()
        self._chunks: list[Chunk] = []

    def pieces(self, sizes: Iterable[int]) -> Iterator[memoryview]:
        for piece in self._reading.pieces(sizes):
            self._chunks.append(Chunk(self._update(piece), len(piece)))
            yield piece

    def result(self, found: str, head: bytes | None = None) -> Hashed:
        return Hashed(self._reading.file, self._whole.hexdigest(), tuple(self._chunks), found, head)

    def _update(self, piece: memoryview) -> str:
        """Bring the file's digest up to date, and return the piece's own."""
        if len(piece) == self._reading.file.size:
            self._whole.update(piece)
            return self._whole.hexdigest()
        if len(piece) < _WORTH_A_THREAD:
            self._whole.update(piece)
            return sha256(piece)
        own = self._beside.submit(sha256, piece)
        self._whole.update(piece)
        return own.result()


def _parsed(file: Seen, rule: Callable[[bytes, int], _Told], head: bytes) -> _Told:
    try:
        return rule(head, file.size)
    except ValueError as error:
        raise ManifestError(
            f"{file.path!r} is not a safetensors file: {error}",
            remedy="Fetch or export it again; perhaps it was cut short.",
        ) from None
