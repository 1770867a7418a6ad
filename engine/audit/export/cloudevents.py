"""CloudEvents 1.0 in the JSON format: an entry's leaf is an event already, its optional attributes are extensions.

`sequence` (the extension of that name) is the index, `subject` what it is about, `data` the payload. A file is a
JSON batch (section 4), an event on each line.
"""

from engine.audit.entry import ATTRIBUTES
from engine.audit.export.jsonl import members
from engine.audit.export.record import Exported, read_back
from engine.digest import JSON, canonical


def write(one: Exported) -> str:
    """Return the event of an entry."""
    entry = one.entry
    event: dict[str, JSON] = {**entry.public, "sequence": str(entry.index)}
    subject = entry.public.get("transfer") or entry.public.get("artifact") or entry.public.get("partner")
    if subject:
        event["subject"] = subject
    if entry.payload is not None:
        event |= {"datacontenttype": "application/json", "data": entry.payload}
    return canonical(event | {name: value for name, value in one.evidence.items() if value is not None}).decode()


def read(line: str) -> Exported:
    """Read the event of an entry that was exported with its proof."""
    event = members(line)
    leaf = {name: value for name, value in event.items() if name in ATTRIBUTES}
    return read_back(leaf, event.get("data"), event.get("salt"), event["proof"])
