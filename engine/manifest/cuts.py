"""Where files are cut into chunks.

Most files are cut every 4 MiB. A safetensors file is cut where its tensors begin and end, so that the same weights
at another offset (a tensor was inserted, the header grew) are the same chunks and need not travel again:

    header │ small small small │ large ≥ 256 KiB │ large │ small │ …       each part then cut every 4 MiB

INVARIANT: the pieces of a file follow each other without gap or overlap and are its size together; none is empty.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from engine.manifest.chunks import CHUNK_BYTES

LARGE_TENSOR_BYTES: Final = 256 * 1024
"""A tensor of this size or more has chunks of its own; its smaller neighbours share theirs."""


def fixed_cuts(size: int) -> Iterator[int]:
    """Yield the sizes of the pieces of `size` bytes: 4 MiB each, the rest in the last."""
    for begin in range(0, size, CHUNK_BYTES):
        yield min(CHUNK_BYTES, size - begin)


def tensor_cuts(tensors: Iterable[int]) -> Iterator[int]:
    """Yield the sizes of the pieces that follow a safetensors header.

    Args:
        tensors: sizes in bytes, in the order they lie in the file.
    """
    for segment in _segments(tensors):
        yield from fixed_cuts(segment)


def _segments(tensors: Iterable[int]) -> Iterator[int]:
    for large, group in groupby(tensors, key=lambda size: size >= LARGE_TENSOR_BYTES):
        if large:
            yield from group
        else:
            yield sum(group)
