"""Where each named part of a bill's file stands in its bytes."""

import json
from collections.abc import Iterator
from typing import Any

from engine.digest import canonical

Span = tuple[int, int]


def spans(file: bytes) -> dict[str, Span]:
    """Return the bytes of every part of a bill, its name with it, by its dotted path.

    Parts are the members of the file, of the bill, and of what the bill has by name: its signatures and logs.
    """
    value: dict[str, Any] = json.loads(file)
    assert canonical(value) == file
    return dict(_members(value, "", 0))


_OPEN = {"", "bill", "bill.signatures", "bill.logs", "annexes"}


def _members(value: dict[str, Any], path: str, start: int) -> Iterator[tuple[str, Span]]:
    """Yield the members of an object that begins at a byte; canonical JSON has them sorted, without white space."""
    place = start + 1
    for name in sorted(value):
        below = f"{path}.{name}" if path else name
        opened = place + len(canonical(name)) + 1
        end = opened + len(canonical(value[name]))
        if below in _OPEN and value[name]:
            yield from _members(value[name], below, opened)
        else:
            yield below, (place, end)
        place = end + 1
