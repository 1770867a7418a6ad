"""Erasure: what a log says about payloads that are gone, and which are gone without a word.

An entry `payload.erased` names the indices of the entries whose payload and salt were then removed, as a list
`entries` of [first, last] in its payload. It comes after all of them. Entries of the types in `PERMANENT` are never
erased: they are what the absence of the others rests on.

INVARIANT: a payload may be missing if and only if a `payload.erased` of the same log names its entry.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.digest import JSON, canonical, sha256
from engine.events import Event, event_id

ERASED: Final = "payload.erased"

PERMANENT: Final = frozenset({ERASED, "hold.placed", "hold.lifted", "log.continued", "log.ended"})
"""Types of entries whose payloads are never erased."""

PER_EVENT: Final = 5_000
"""How many ranges one event names at most; more are told in several."""


def ranges(indices: Iterable[int]) -> list[tuple[int, int]]:
    """Return indices as ascending ranges of first and last."""
    found: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def erasure_events(indices: Iterable[int], *, actor: str, reason: str, rule: str) -> list[Event]:
    """Return the events to record before payloads are removed; the same indices have the same ids.

    Args:
        indices: which entries.
        actor: who has them erased.
        reason: why, in their words; it stays in the log for good.
        rule: the retention rule that asks for it; empty if a person does.
    """
    spans = ranges(indices)
    events = []
    for start in range(0, len(spans), PER_EVENT):
        part: list[JSON] = [list(span) for span in spans[start : start + PER_EVENT]]
        payload: dict[str, JSON] = {"entries": part, "reason": reason}
        if rule:
            payload["rule"] = rule
        id_ = event_id(sha256(canonical(part)), ERASED)
        events.append(Event(id=id_, type=ERASED, actor=actor, payload=payload))
    return events


def named_by(index: int, payload: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the ranges that a `payload.erased` names, as far as they can be: it comes after what it names.

    Args:
        index: its own index.
        payload: its payload, which its leaf was found to commit to.
    """
    named = payload.get("entries")
    for span in named if isinstance(named, list) else ():
        if isinstance(span, list) and len(span) == 2 and all(type(each) is int for each in span):  # noqa: PLR2004
            first, last = span
            if 0 <= first <= last < index:
                yield first, last


@dataclass(slots=True)
class Absences:
    """Gathered while a log is gone over: what is missing, and what entries say should be.

    Attributes:
        missing: indices of entries without payload and salt.
        erasures: ranges, and the index of the entry that names them.
    """

    missing: list[int] = field(default_factory=list)
    erasures: list[tuple[int, int, int]] = field(default_factory=list)

    def note_erasure(self, index: int, payload: Mapping[str, Any]) -> None:
        """Take up what an entry of the type `payload.erased` names."""
        self.erasures += [(first, last, index) for first, last in named_by(index, payload)]

    def unexplained(self) -> list[int]:
        """Return the indices of entries whose payload is missing and that no erasure names, ascending."""
        spans = merged(self.erasures)
        return [index for index in sorted(self.missing) if not _within(index, spans)]


def merged(erasures: Iterable[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Return ascending ranges that cover the same indices and do not touch."""
    spans: list[tuple[int, int]] = []
    for first, last, _ in sorted(erasures):
        if spans and first <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return spans


def _within(index: int, spans: Sequence[tuple[int, int]]) -> bool:
    place = bisect_left(spans, index, key=lambda span: span[1])
    return place < len(spans) and spans[place][0] <= index
