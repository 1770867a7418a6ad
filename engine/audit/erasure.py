"""Erasure: what a log says about payloads that are gone, and which are gone without a word.

An entry `payload.erased` names the indices of the entries whose payload and salt were then removed, as a list
`entries` of [first, last] in its payload. It comes after all of them. Entries of the types in `PERMANENT` are never
erased: they are what the absence of the others rests on. Nothing can be appended to a log that was continued: what is
erased from it is named by an entry of a later log, which has its origin as `origin` in the payload.

INVARIANT: a payload may be missing if and only if a `payload.erased` of the same log, or of one that follows it, names
its entry.
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

_LARGEST: Final = 2**53 - 1

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


def erasure_events(
    indices: Iterable[int], *, actor: str, reason: str, rule: str, origin: str | None = None
) -> list[Event]:
    """Return the events to record before payloads are removed; the same indices of a log have the same ids.

    Args:
        indices: which entries.
        actor: who has them erased.
        reason: why, in their words; it stays in the log for good.
        rule: the retention rule that asks for it; empty if a person does.
        origin: of the former log that they are entries of; None for the log that the events are recorded in.
    """
    spans = ranges(indices)
    events = []
    for start in range(0, len(spans), PER_EVENT):
        part: list[JSON] = [list(span) for span in spans[start : start + PER_EVENT]]
        payload: dict[str, JSON] = {"entries": part, "reason": reason}
        if rule:
            payload["rule"] = rule
        if origin is not None:
            payload["origin"] = origin
        id_ = event_id(sha256(canonical(part if origin is None else [origin, part])), ERASED)
        events.append(Event(id=id_, type=ERASED, actor=actor, payload=payload))
    return events


def named_by(index: int, payload: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of its own log that a `payload.erased` names, as far as they can be: it comes after all of them.

    Args:
        index: its own index.
        payload: its payload, which its leaf was found to commit to.
    """
    if "origin" not in payload:
        yield from (span for span in _spans(payload) if span[1] < index)


def named_of(origin: str, payload: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a former log that a `payload.erased` of a later one names.

    Args:
        origin: of the former log.
        payload: as `named_by`.
    """
    if payload.get("origin") == origin:
        yield from _spans(payload)


def _spans(payload: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    named = payload.get("entries")
    for span in named if isinstance(named, list) else ():
        if isinstance(span, list) and len(span) == 2 and all(type(each) is int for each in span):  # noqa: PLR2004
            first, last = span
            if 0 <= first <= last <= _LARGEST:
                yield first, last


@dataclass(frozen=True, slots=True)
class Erasure:
    """Entries whose payloads were erased: the first and the last of them, and which entry says so."""

    first: int
    last: int
    by: str


@dataclass(slots=True)
class Absences:
    """Gathered while a log is gone over: what is missing, and what entries say should be.

    Attributes:
        missing: indices of entries without payload and salt.
        erasures: what entries of this log, and of those that follow it, name.
    """

    missing: list[int] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)

    def note_erasure(self, index: int, payload: Mapping[str, Any]) -> None:
        """Take up what an entry of the type `payload.erased` names."""
        self.erasures += [Erasure(first, last, f"entry {index}") for first, last in named_by(index, payload)]

    def unexplained(self) -> list[int]:
        """Return the indices of entries whose payload is missing and that no erasure names, ascending."""
        spans = merged(self.erasures)
        return [index for index in sorted(self.missing) if not _within(index, spans)]


def merged(erasures: Iterable[Erasure]) -> list[tuple[int, int]]:
    """Return ascending ranges that cover the same indices and do not touch."""
    spans: list[tuple[int, int]] = []
    for first, last in sorted((erasure.first, erasure.last) for erasure in erasures):
        if spans and first <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return spans


def _within(index: int, spans: Sequence[tuple[int, int]]) -> bool:
    place = bisect_left(spans, index, key=lambda span: span[1])
    return place < len(spans) and spans[place][0] <= index
