"""The words of an entry, as free text finds them: those of its payload, and of what its leaf calls by name.

A word is a run of letters and digits, after NFKC and case folding. Every string and number of the payload is a text
of its own, at any depth, as are type, partner, transfer and decision of the leaf; a phrase lies within one text.
Names of members are no text, and digests have fields of their own.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from engine.digest import JSON

BOUNDARY: Final = "\ue000"
"""Stands between texts: it is in no word."""

_WORD: Final = re.compile(r"[^\W_]+")
_NAMED: Final = ("type", "partner", "transfer", "decision")


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def document(public: Mapping[str, str], payload: Mapping[str, JSON] | None) -> str:
    """Return the words of an entry, a space between words and a boundary between texts.

    Args:
        public: the leaf's attributes.
        payload: the payload, None when it is gone.
    """
    texts = [*(public[name] for name in _NAMED if name in public), *_texts(payload)]
    return f" {BOUNDARY} ".join(" ".join(words_of(text)) for text in texts)


def _texts(value: JSON) -> Iterator[str]:
    """Go through a value without recursion: a payload may be nested as deep as JSON allows."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(reversed(list(one.values())))
        elif isinstance(one, list | tuple):
            waiting.extend(reversed(one))
        elif isinstance(one, int | float) and not isinstance(one, bool):
            yield str(one)
