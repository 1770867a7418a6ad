"""Many small chunks in one request body, because each request has a price.

    count (4) | count x (SHA-256 (32) | size (4)) | the contents, in the same order

Numbers are unsigned and big-endian. A pack names no file: the offer says what its chunks are for.
"""

from collections.abc import Sequence
from typing import Final

from engine.errors import InputError
from engine.store.sealed import PACK_BLOBS, PACK_LIMIT

PREFIX: Final = 4
ROW: Final = 32 + 4
BODY_LIMIT: Final = PREFIX + ROW * PACK_BLOBS + PACK_LIMIT
"""The most bytes a pack may have."""


def write_head(chunks: Sequence[tuple[str, int]]) -> bytes:
    """Return what stands before the contents of these chunks, given as (SHA-256, size)."""
    rows = (bytes.fromhex(sha256) + size.to_bytes(4, "big") for sha256, size in chunks)
    return len(chunks).to_bytes(PREFIX, "big") + b"".join(rows)


def head_size(count: int) -> int:
    """Return how many bytes stand before the contents of `count` chunks."""
    return PREFIX + ROW * count


def read_pack(body: memoryview) -> list[tuple[str, memoryview]]:
    """Return digest and content of each chunk. The digests are claims: nobody compared them with the contents.

    Raises:
        InputError: the body is no pack, names a chunk twice, or does not have the size its head says.
    """
    count = int.from_bytes(body[:PREFIX], "big")
    at = head_size(count)
    if not 1 <= count <= PACK_BLOBS or at > len(body):
        raise _wrong(f"its head says {count} chunks; 1 to {PACK_BLOBS} that fit into the body are expected")
    rows = [bytes(body[start : start + ROW]) for start in range(PREFIX, at, ROW)]
    blobs: dict[str, memoryview] = {}
    for row in rows:
        size = int.from_bytes(row[32:], "big")
        blobs[row[:32].hex()] = body[at : at + size]
        at += size
    if len(blobs) != count:
        raise _wrong("it names a chunk twice")
    if at != len(body):
        raise _wrong(f"its head promises {at} bytes, found {len(body)}")
    return list(blobs.items())


def _wrong(why: str) -> InputError:
    return InputError(f"the pack cannot be read: {why}", remedy="Frame the chunks as docs/formats/wire.md says.")
