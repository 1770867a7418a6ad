"""The words of payloads that are about people: names, and what they wrote."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.database.gone import Gone

_NAMES: Final = frozenset({"actor", "approver", "author", "initiator", "principal", "requester", "reviewer"})
_FREE_TEXT: Final = frozenset(
    {"conditions", "detail", "effect", "finding", "impact", "purpose", "reason", "remedies", "ticket", "title"}
)
_CHANGES: Final = frozenset({"added", "changed", "removed"})
_KEYS: Final = _NAMES | _FREE_TEXT | _CHANGES
_INSIDE: Final = frozenset({"id", "sentence"})
"""Members of what stands under one of these keys that are such words, too."""

_DOCUMENTS: Final = frozenset({"record", "said"})
"""Members of payloads that are JSON in a string."""


def words(payloads: Iterable[Mapping[str, Any] | None]) -> frozenset[str]:
    """Return the names and free texts of payloads."""
    return frozenset(word for payload in payloads for word in _words(payload, wanted=False))


def mentions(payload: Any, text: str) -> bool:
    """Say whether any text of a payload, or of the JSON in it, contains a text."""
    match payload:
        case str():
            return text in payload or (payload[:1] == "{" and mentions(_parsed(payload), text))
        case list():
            return any(mentions(each, text) for each in payload)
        case dict():
            return any(text in key or mentions(each, text) for key, each in payload.items())
        case _:
            return False


def gone(erased: Iterable[Mapping[str, Any] | None], kept: Iterable[Mapping[str, Any] | None]) -> Gone:
    """Return the words of erased payloads that none of the kept ones says."""
    return Gone(words(erased) - words(kept))


def _words(value: Any, *, wanted: bool) -> Iterator[str]:
    match value:
        case str() if wanted and value:
            yield value
        case list():
            for each in value:
                yield from _words(each, wanted=wanted)
        case dict():
            for key, each in value.items():
                inner = _parsed(each) if key in _DOCUMENTS else each
                yield from _words(inner, wanted=key in _KEYS or (wanted and key in _INSIDE))


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
