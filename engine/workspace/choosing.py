"""Which entries a person means: conditions as they give them, checked field by field."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.audit.entry import pseudonym
from engine.audit.selection import PATTERN, Selection
from engine.events import timestamp
from engine.workspace.keys import secret_key
from engine.workspace.office import Office
from engine.workspace.operations import Params

_SPAN = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?")
_LONGEST = 100_000


def entry_span(text: str) -> str:
    """Check indices: `12`, or `12-20`."""
    match = _SPAN.fullmatch(text)
    if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < _LONGEST:
        raise ValueError(f"found {text!r}, expected an index such as 12, or a range such as 12-20")
    return text


def moment(text: str) -> str:
    """Check a date or a moment: `2026-06-01`, or RFC 3339 with its offset from UTC."""
    try:
        _moment(text)
    except ValueError:
        raise ValueError(f"found {text!r}, expected a date such as 2026-06-01, or 2026-06-01T12:00:00Z") from None
    return text


class Choice(Params):
    """Which entries: all conditions have to hold; of several values of one, any."""

    entries: tuple[Annotated[str, AfterValidator(entry_span)], ...] = ()
    types: tuple[Annotated[str, Field(pattern=PATTERN)], ...] = ()
    actors: tuple[Annotated[str, Field(min_length=1, max_length=320)], ...] = ()
    transfers: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()
    since: Annotated[str, AfterValidator(moment)] | None = None
    before: Annotated[str, AfterValidator(moment)] | None = None

    def selection(self, office: Office) -> Selection:
        """Return what is meant, people by their pseudonyms."""
        key = secret_key(office.layout.keys, "pseudonym")
        return Selection(
            entries=tuple(index for span in self.entries for index in _indices(span)),
            types=self.types,
            actors=tuple(pseudonym(key, office.identity(name)) for name in self.actors),
            transfers=self.transfers,
            partners=self.partners,
            artifacts=self.artifacts,
            agreements=self.agreements,
            since=timestamp(_moment(self.since)) if self.since else "",
            before=timestamp(_moment(self.before)) if self.before else "",
        )


def _indices(span: str) -> range:
    first, _, last = span.partition("-")
    return range(int(first), int(last or first) + 1)


def _moment(text: str) -> datetime:
    if len(text) == len("2026-06-01"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return found
