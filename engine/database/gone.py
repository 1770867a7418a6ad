"""Words that were erased, looked for in what other tables keep: texts, and documents of JSON.

A document may be canonical JSON, or a Sigstore bundle, whose statement and certificates are Base64 in JSON: a
string is looked at as it is and as what it decodes to.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_SHORTEST: Final = 4
"""Shorter words are looked for as whole values only, in characters."""

_DEEPEST: Final = 32

ERASED: Final = "(erased)"
"""What stands in place of an erased text that has to be one."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Words that nothing says any more.

    Attributes:
        words: the words; a word may be a sentence.
    """

    words: frozenset[str]

    def text(self, value: str | None) -> bool:
        """Say whether a text is, or contains, one of the words."""
        if not value:
            return False
        return value in self.words or any(len(word) >= _SHORTEST and word in value for word in self.words)

    def erased_of(self, row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
        """Return what has to stand in the text columns of a row that contain one of the words."""
        return {name: ERASED for name in columns if self.text(row[name])}

    def document(self, body: bytes | None) -> bool:
        """Say whether a document contains one of the words."""
        if not body or not self.words:
            return False
        try:
            return self._value(json.loads(body), 0)
        except (ValueError, RecursionError):
            return self._bytes(body)

    def _value(self, value: Any, depth: int) -> bool:
        if depth > _DEEPEST:
            return True
        match value:
            case str():
                return self.text(value) or self._encoded(value, depth)
            case dict():
                return any(self._value(key, depth + 1) or self._value(each, depth + 1) for key, each in value.items())
            case list():
                return any(self._value(each, depth + 1) for each in value)
            case _:
                return False

    def _encoded(self, value: str, depth: int) -> bool:
        """Look at what a string says in Base64, or at the JSON it is."""
        try:
            body = value.encode() if value[:1] in "{[" else base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        try:
            inner = json.loads(body)
        except (ValueError, RecursionError):
            return self._bytes(body)
        return not isinstance(inner, int | float) and self._value(inner, depth + 1)

    def _bytes(self, body: bytes) -> bool:
        return any(len(word) >= _SHORTEST and word.encode() in body for word in self.words)
