"""One bit for each chunk of an offer, as text: which of them are still to be sent.

Bit *i* stands for the *i*-th distinct chunk in the order in which the chunk map first names it. It is the bit of
value 128 >> (i mod 8) in byte i // 8; bits past the last chunk are zero. The text is base64 (RFC 4648, section 4).
"""

import base64
import binascii
from collections.abc import Iterable, Iterator

from engine.errors import InputError


def write_bitmap(bits: Iterable[bool]) -> str:
    """Return the text for these bits."""
    packed = bytearray()
    for position, bit in enumerate(bits):
        if position % 8 == 0:
            packed.append(0)
        if bit:
            packed[-1] |= 128 >> position % 8
    return base64.b64encode(packed).decode("ascii")


def read_bitmap(text: str, total: int) -> Iterator[int]:
    """Return the positions of the bits that are set, in order.

    Args:
        text: what `write_bitmap` wrote.
        total: how many bits it must have.

    Raises:
        InputError: it is not base64 in its one form, has another length, or sets a bit past the last one.
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if base64.b64encode(packed).decode("ascii") != text or len(packed) != -(-total // 8):
        raise _wrong(f"it is not base64 of {-(-total // 8)} bytes")
    if total % 8 and packed[-1] & (0xFF >> total % 8):
        raise _wrong(f"it sets a bit past the last of {total}")
    return (8 * at + offset for at, byte in enumerate(packed) for offset in range(8) if byte & (128 >> offset))


def _wrong(why: str) -> InputError:
    return InputError(
        f"the bitmap of missing chunks cannot be read: {why}",
        remedy="The partner's gateway is at fault: tell whoever runs it.",
    )
