"""Which of a log's entries about a handoff go into evidence: all, or, of very many, all that tell something.

A partner can have the same recorded again and again, by asking and by breaking lines. Where entries are too many for a
bill, what stands between the first and the last of a row that says the same is left out (`docs/formats/bill.md`).

INVARIANTS
- A row ends where the same question has another answer, or the same one by another bundle or other policies: no denial
  is lost among permits or other denials, and no change of policies.
- A row ends at every entry of another kind, and none of those is left out. So the decision that a statement cites, the
  last before that statement was recorded, stays.
"""

from collections.abc import Sequence
from typing import Final

from engine.audit.entry import Entry

MOST: Final = 1000
"""Up to so many entries, none is left out."""

_DECISION: Final = "decision."
_SHADOW: Final = "decision.shadow"
_REPEATED: Final = ("transfer.refused", "transfer.paused", "transfer.resumed", "chunk.refused")
_OWN: Final = frozenset({"id", "time", "commitment"})
"""What every leaf has for itself."""

_Row = tuple[dict[str, str], int]


def extract(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a handoff that go into evidence, of all that a log has of it, in the log's order."""
    if len(entries) <= MOST:
        return list(entries)
    kept: set[int] = set()
    rows: dict[tuple[str, ...], _Row] = {}
    for entry in entries:
        matter = _matter(entry)
        if matter is None:
            kept |= {entry.index, *(last for _, last in rows.values())}
            rows.clear()
            continue
        said = {name: value for name, value in entry.public.items() if name not in _OWN}
        said["because"] = str((entry.payload or {}).get("because"))
        before, last = rows.get(matter, ({}, entry.index))
        if before != said:
            kept |= {last, entry.index}
        rows[matter] = said, entry.index
    kept |= {last for _, last in rows.values()}
    return [entry for entry in entries if entry.index in kept]


def _matter(entry: Entry) -> tuple[str, ...] | None:
    """Return what an entry is one more answer to; None if nobody can have it repeated.

    A decision whose payload was erased counts among those that were erased: nobody knows any more what was asked.
    """
    if entry.type in _REPEATED:
        return (entry.type,)
    if not entry.type.startswith(_DECISION):
        return None
    action = str((entry.payload or {}).get("action", ""))
    return (_SHADOW, action, entry.public.get("policy", "")) if entry.type == _SHADOW else (_DECISION, action)
