"""JSON lines: index, leaf and payload of an entry as canonical JSON, with salt and proof when it is evidence."""

from typing import Any

from engine.audit.export.record import Exported, read_back
from engine.digest import canonical, parse_json

LINE_LIMIT = 4 * 1024 * 1024
"""The longest line in bytes: a payload has 1 MiB at most, and escapes make it longer."""


def write(one: Exported) -> str:
    """Return the line of an entry."""
    payload = one.entry.payload
    record = {"index": one.entry.index, "leaf": one.entry.public, "payload": payload, **one.evidence}
    return canonical(record).decode()


def read(line: str) -> Exported:
    """Read the line of an entry that was exported with its proof."""
    record = members(line)
    return read_back(record["leaf"], record["payload"], record["salt"], record["proof"])


def members(line: str) -> dict[str, Any]:
    """Read a line as an object.

    Raises:
        InputError: it is no JSON.
        TypeError: it is no object.
    """
    record = parse_json(line.encode("utf-8", "surrogatepass"), what="the record", limit=LINE_LIMIT)
    if not isinstance(record, dict):
        raise TypeError(type(record))
    return record
