"""The kinds of values a manifest is written in, and the model its parts share.

Each value has one spelling only: whatever could be written in two ways would have two digests.
"""

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from engine.events import timestamp
from engine.manifest.licences import check_expression
from engine.manifest.paths import check_path

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON implementation reads exactly (RFC 8785, section 3.2.2.3)."""

_MILLISECOND: Final = 1000  # microseconds
_ORGANIZATION: Final = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$"

_Item = TypeVar("_Item")


class Section(BaseModel):
    """A part of a manifest: frozen, strict, and without room for unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _utc_milliseconds(moment: datetime) -> datetime:
    if moment.microsecond % _MILLISECOND:
        raise ValueError("expected a moment in whole milliseconds")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a moment within the years 1 to 9999 in UTC") from None


def _printable(text: str) -> str:
    # Terminals obey control characters, and bidirectional ones make a text read as another.
    if not text.isprintable():
        raise ValueError("expected printable text in one line")
    return text


def _exact(value: float | str) -> float | str:
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError(f"expected an integer within ±{MAX_INTEGER}")
    return value


def in_order(key: Callable[[_Item], Any]) -> Callable[[tuple[_Item, ...]], tuple[_Item, ...]]:
    """Return a validator that sorts a tuple by `key` and refuses two items with the same key."""

    def validate(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
        seen: set[Hashable] = set()
        for item in items:
            if key(item) in seen:
                raise ValueError(f"expected each once, found {key(item)!r} twice")
            seen.add(key(item))
        return tuple(sorted(items, key=key))

    return validate


def _itself(text: str) -> str:
    return text


Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Organization = Annotated[str, Field(pattern=_ORGANIZATION, max_length=253)]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,127}$")]
Version = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
Region = Annotated[str, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
Regions = Annotated[tuple[Region, ...], Field(max_length=256), AfterValidator(in_order(_itself))]
Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Line = Annotated[Text, Field(min_length=1)]
Path = Annotated[str, AfterValidator(check_path)]
Size = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Licence = Annotated[str, AfterValidator(check_expression)]
Scalar = Annotated[bool | int | float | Text, AfterValidator(_exact)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc_milliseconds), PlainSerializer(timestamp)]
"""A moment in UTC, in whole milliseconds; written as `2026-01-01T00:00:00.000Z`."""


def first_fault(error: ValidationError) -> str:
    """Say in one line which field is wrong first, what was expected, and what was found."""
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(part)[:80] for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    found = "" if isinstance(fault["input"], dict | list | tuple) else f", found {fault['input']!a:.80}"
    return f"{place}: {message}{found}" if place else message
