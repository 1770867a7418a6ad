"""The header of a safetensors file: where its tensors lie.

8 bytes    length n of the header, unsigned little-endian
n bytes    JSON object: {name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}
the rest   tensors, without gaps, without overlaps
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from engine.digest import JSON, parse_json
from engine.errors import InputError

PREFIX_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 8 * 1024 * 1024
"""About 60,000 tensors; parsing more would take more memory than packing may."""

_METADATA: Final = "__metadata__"


def header_bytes(prefix: bytes | memoryview, size: int) -> int:
    """Return the length of the header, prefix included.

    Args:
        prefix: the first 8 bytes of the file.
        size: of the whole file, in bytes.

    Raises:
        ValueError: the file cannot hold such a header.
    """
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if len(prefix) < PREFIX_BYTES or length > size - PREFIX_BYTES:
        raise ValueError(f"its header would be {length} bytes long, the file is {size}")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"its header is {length} bytes long, at most {MAX_HEADER_BYTES} make sense")
    return PREFIX_BYTES + length


def tensor_sizes(header: bytes, size: int) -> tuple[int, ...]:
    """Return the tensors' sizes in bytes, in the order they lie in the file.

    Args:
        header: the first `header_bytes` bytes of the file.
        size: of the whole file, in bytes.

    Raises:
        ValueError: the header is malformed, or its tensors do not fill the rest of the file exactly.
    """
    try:
        parsed = parse_json(header[PREFIX_BYTES:], what="its header", limit=MAX_HEADER_BYTES)
    except InputError as error:
        raise ValueError(str(error)) from None
    if not isinstance(parsed, Mapping):
        raise ValueError("its header is no JSON object")  # noqa: TRY004 - what is read is at fault, not the caller
    spans = sorted(_span(name, tensor) for name, tensor in parsed.items() if name != _METADATA)
    ends = [0, *(end for _, end in spans)]
    for (begin, _), end in zip(spans, ends, strict=False):
        if begin != end:
            raise ValueError(f"its tensors leave a gap or overlap at offset {min(begin, end)}")
    if ends[-1] != size - len(header):
        raise ValueError(f"its tensors end at {len(header) + ends[-1]} bytes, the file at {size}")
    return tuple(after - before for before, after in pairwise(ends))


def _span(name: str, tensor: JSON) -> tuple[int, int]:
    match tensor:
        case {"dtype": str(), "shape": [*_], "data_offsets": [int(begin), int(end)]} if 0 <= begin <= end:
            return begin, end
    raise ValueError(f"its tensor {name[:80]!a} has no dtype, shape or proper data_offsets")
