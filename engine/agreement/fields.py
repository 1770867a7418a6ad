"""The kinds of values an agreement is written in: names, regions, digests, moments, sets.

Each accepts one spelling only. Whatever could be written in two ways would have two digests.
"""

import re
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer, StringConstraints

from engine.digest import DIGEST
from engine.events import timestamp

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MILLISECOND: Final = 1000  # microseconds

_Item = TypeVar("_Item", bound=Hashable)


def each_once(items: Iterable[_Item]) -> frozenset[_Item]:
    """Return `items` as a set, or refuse a repeated one.

    Raises:
        ValueError: one of them stands twice.
    """
    seen: set[_Item] = set()
    for item in items:
        if item in seen:
            raise ValueError(f"expected each once, found {item!r} twice")
        seen.add(item)
    return frozenset(seen)


def at_least_one(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return `items`, or refuse an empty tuple.

    Raises:
        ValueError: there are none.
    """
    if not items:
        raise ValueError("expected at least one")
    return items


def _sorted_set(items: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(each_once(items)))


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("expected a name: up to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit")
    return text


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError("expected a region: EU, or an ISO 3166 code such as US or US-CA")
    return text


def _digest(text: str) -> str:
    if not DIGEST.fullmatch(text):
        raise ValueError("expected a SHA-256 digest: 64 lower-case hexadecimal characters")
    return text


def _prose(text: str) -> str:
    # Terminals obey control characters, and bidirectional ones make a text read as another.
    if not text.replace("\n", "").isprintable():
        raise ValueError("expected printable text")
    return text


def _written_moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("expected RFC 3339 with a time zone, such as 2026-01-01T00:00:00Z")
    return datetime.fromisoformat(value)


def _utc_milliseconds(moment: datetime) -> datetime:
    if moment.microsecond % _MILLISECOND:
        raise ValueError("expected a moment in whole milliseconds")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a moment within the years 1 to 9999 in UTC") from None


Name = Annotated[str, AfterValidator(_name)]
Region = Annotated[str, AfterValidator(_region)]
Digest = Annotated[str, AfterValidator(_digest)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_prose)]
Moment = Annotated[
    AwareDatetime, BeforeValidator(_written_moment), AfterValidator(_utc_milliseconds), PlainSerializer(timestamp)
]
"""A moment in UTC, in whole milliseconds; written as `2026-01-01T00:00:00.000Z`."""

Names = Annotated[tuple[Name, ...], Field(max_length=256), AfterValidator(_sorted_set)]
Regions = Annotated[tuple[Region, ...], Field(max_length=256), AfterValidator(_sorted_set)]
