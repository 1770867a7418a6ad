"""What can stand at the cursor of somebody who types a filter: for screens and for shells."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.audit.query.terms import DECISIONS, FIELDS, Kind

_WORD: Final = re.compile(r'[^\s()"]*$')
_MOMENTS: Final = ("1h", "24h", "7d", "30d")
_HINTS: Final = {
    "type": "what happened, such as transfer.*",
    "actor": "who, by identity",
    "partner": "the other organization",
    "transfer": "a transfer's id",
    "artifact": "a root digest, or its beginning",
    "agreement": "an agreement's digest",
    "decision": "permit, deny or failsafe",
    "policy": "a policy bundle's digest",
    "statement": "a signed statement's digest",
    "id": "an event's id",
    "since": "a day, a time, or 2h",
    "until": "a day, a time, or 2h",
    "entry": "an index, or 100..200",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What could stand at the cursor.

    Attributes:
        text: replaces the word before the cursor from `start` on.
        kind: `field` or `value`.
        hint: what it means, in a few words.
        start: where the replaced word begins.
    """

    text: str
    kind: str
    hint: str
    start: int


def complete(text: str, cursor: int, known: Mapping[str, Iterable[str]]) -> list[Candidate]:
    """Return what could stand at the cursor, in the order of the language.

    Args:
        text: the filter so far.
        cursor: the place that is typed at, from 0.
        known: values seen in the log, by field.
    """
    before = text[:cursor]
    if _in_quotes(before):
        return []
    found = _WORD.search(before)
    word = found[0] if found else ""
    start = cursor - len(word)
    if word.startswith("-"):
        word, start = word[1:], start + 1
    name, colon, value = word.partition(":")
    if not colon:
        return [Candidate(f"{each}:", "field", _HINTS[each], start) for each in FIELDS if each.startswith(name)]
    if name not in FIELDS:
        return []
    values = sorted({each for each in _values(name, known) if each.startswith(value) and each != value})
    at = start + len(name) + 1
    return [Candidate(each, "value", name, at) for each in values if _WORD.fullmatch(each)]


def _values(name: str, known: Mapping[str, Iterable[str]]) -> Iterable[str]:
    if FIELDS[name] is Kind.DECISION:
        return DECISIONS
    if FIELDS[name] is Kind.MOMENT:
        return _MOMENTS
    seen = set(known.get(name, ()))
    if name == "type":
        seen |= {f"{each.partition('.')[0]}.*" for each in seen}
    return seen


def _in_quotes(before: str) -> bool:
    inside, skip = False, False
    for character in before:
        if skip:
            skip = False
        elif inside and character == "\\":
            skip = True
        elif character == '"':
            inside = not inside
    return inside
