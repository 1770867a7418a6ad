"""Which of a log's entries about a handoff go into evidence: all, or, of very many, all that tell something.

A partner can have the same recorded again and again, by asking and by breaking lines. Where entries are too many for a
bill, what stands between the first and the last of a row that says the same is left out (`docs/formats/bill.md`).

INVARIANTS
- A row ends where the same question has another answer, or the same one by another bundle or other policies: no denial
  is lost among permits or other denials, and no change of policies.
- A row ends at every entry of another kind, and none of those is left out.
- The decision that a statement cites stays, whatever is known of it and of those around it.
"""

from collections.abc import Sequence
from typing import Final

from engine.audit.entry import Entry
from engine.digest import parse_json
from engine.events import event_id

MOST: Final = 1000
"""Up to so many entries, none is left out."""

_DECISION: Final = "decision."
_SHADOW: Final = "decision.shadow"
_REPEATED: Final = ("transfer.refused", "transfer.paused", "transfer.resumed", "chunk.refused")
_OWN: Final = frozenset({"id", "time", "commitment"})
"""What every leaf has for itself."""

_CITED_LIMIT: Final = 4096  # bytes
_Row = tuple[dict[str, str], int]


def extract(entries: Sequence[Entry], cited: str | None) -> list[Entry]:
    """Return the entries of a handoff that go into evidence, of all that a log has of it, in the log's order.

    Args:
        entries: all that the log has of it.
        cited: the id of the entry that stays in any case; see `cited_entry`.
    """
    if len(entries) <= MOST:
        return list(entries)
    kept = {entry.index for entry in entries if entry.id == cited}
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


def cited_entry(document: bytes | None) -> str | None:
    """Return the id of the log's entry of the decision that this side's statements about a transfer cite.

    Args:
        document: the document `cited` that is kept with the transfer; None before anything was permitted.
    """
    cited = parse_json(document, what="the decision that is cited", limit=_CITED_LIMIT) if document else None
    return event_id(str(cited["id"]), "decision") if isinstance(cited, dict) else None


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
