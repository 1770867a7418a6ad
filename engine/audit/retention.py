"""Retention: how long payloads are kept, by the type of their entries.

A profile maps patterns of event types to ages. The longest pattern that covers a type decides for it, so that
`decision.deny` may be kept longer than the rest of `decision.*`. What no pattern covers is kept for ever.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from engine.audit.reader import Row
from engine.audit.selection import covers_type
from engine.events import timestamp

AGE: Final = re.compile(r"([1-9][0-9]{0,4})([dwy])")
"""What an age looks like: `90d`, `26w`, `2y`; a year has 365 days."""

_DAYS: Final = {"d": 1, "w": 7, "y": 365}


def age_of(text: str) -> timedelta:
    """Return the age that a text means.

    Raises:
        ValueError: it is none.
    """
    match = AGE.fullmatch(text)
    if match is None or int(match[1]) * _DAYS[match[2]] > 36_500:  # noqa: PLR2004 - a hundred years
        raise ValueError(f"found {text!r}, expected days, weeks or years, such as 90d, 26w or 2y, up to 100y")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def rule_for(profile: Mapping[str, str], event_type: str) -> str | None:
    """Return the pattern that decides for a type; None if it is kept for ever."""
    return max((pattern for pattern in profile if covers_type(pattern, event_type)), key=len, default=None)


def due(profile: Mapping[str, str], rows: Iterable[Row], now: datetime) -> Iterator[tuple[str, Row]]:
    """Yield the entries that are older than the profile keeps their payloads, each with its rule, such as `*=2y`."""
    bounds = {pattern: timestamp(now - age_of(age)) for pattern, age in profile.items()}
    for row in rows:
        pattern = rule_for(profile, row.type)
        if pattern is not None and row.time < bounds[pattern]:
            yield f"{pattern}={profile[pattern]}", row
