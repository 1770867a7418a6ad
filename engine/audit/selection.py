"""Which entries somebody means: by index, type, actor, transfer, partner, artifact, agreement and time.

One form for erasure, legal hold and retention. It looks at leaves' attributes alone, so that it means the same
entries after their payloads are gone; people are named by their pseudonyms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from engine.audit.reader import LogReader, Row
from engine.digest import JSON

PATTERN: Final = r"^(\*|[a-z]+(\.[a-z]+)*(\.\*)?)$"
"""What a pattern of event types looks like: `decision.deny`, `decision.*`, or `*`."""

_PAGE: Final = 512


def matches(pattern: str, event_type: str) -> bool:
    """Say whether a pattern covers a type: `*` covers all, `decision.*` all that begin with `decision.`."""
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def all_rows(log: LogReader) -> Iterator[Row]:
    """Yield the rows of a log, oldest first, up to the newest at the time of the call."""
    size = log.size
    for start in range(0, size, _PAGE):
        yield from log.rows(start, min(_PAGE, size - start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conditions an entry has to meet, all of them; of several values of one condition, any.

    Attributes:
        entries: indices.
        types: event types, or patterns of them (`PATTERN`).
        actors: pseudonyms.
        transfers: transfer ids.
        partners: organization ids.
        artifacts: root digests.
        agreements: digests.
        since: the first moment, as entries have it (RFC 3339 in UTC with milliseconds); empty for no bound.
        before: the first moment that is too late; empty for no bound.
    """

    entries: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()
    since: str = ""
    before: str = ""

    @property
    def empty(self) -> bool:
        """True when nothing is asked for, so that every entry would match."""
        return not any(getattr(self, each.name) for each in fields(self))

    def covers(self, row: Row) -> bool:
        """Say whether an entry is meant."""
        return (
            (not self.entries or row.index in self.entries)
            and (not self.types or any(matches(pattern, row.type) for pattern in self.types))
            and (not self.actors or row.actor in self.actors)
            and (not self.transfers or row.transfer in self.transfers)
            and (not self.partners or row.partner in self.partners)
            and (not self.artifacts or row.artifact in self.artifacts)
            and (not self.agreements or row.agreement in self.agreements)
            and row.time >= self.since
            and (not self.before or row.time < self.before)
        )

    def to_json(self) -> dict[str, JSON]:
        """Return the conditions that are there."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            ValueError: a name is unknown, or a value has another shape.
        """
        if not given.keys() <= {each.name for each in fields(cls)}:
            raise ValueError(f"unknown conditions {sorted(given)!a}")
        if any(isinstance(value, str) is not (name in {"since", "before"}) for name, value in given.items()):
            raise ValueError("a condition has another shape")
        conditions: dict[str, Any] = {
            name: value if isinstance(value, str) else tuple(value) for name, value in given.items()
        }
        return cls(**conditions)
