"""The words of a filter, each with its place in the text."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

from engine.errors import FilterError

TEXT_LIMIT: Final = 4096
"""The longest filter, in characters."""

_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z_-]*):")
_BARE: Final = re.compile(r'[^\s()"]+')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REMEDY: Final = (
    "Mend the filter; its language is described in docs/formats/filter.md, 'lading audit query --help' has examples."
)


class Sort(StrEnum):
    """What a token is."""

    OPEN = "("
    CLOSE = ")"
    MINUS = "-"
    OR = "or"
    AND = "and"
    FIELD = "field"
    TEXT = "text"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a filter.

    Attributes:
        sort: what it is.
        at: its first character, from 0.
        text: the text or a field's value, quotes taken away.
        name: the field's name as it was typed.
        quoted: the text stood in quotes.
        value_at: where a field's value begins.
        end: the character after it.
    """

    sort: Sort
    at: int
    end: int
    text: str = ""
    name: str = ""
    quoted: bool = False
    value_at: int = 0

    def told(self) -> str:
        """Return the token as an error names it."""
        return (
            "the end" if self.sort is Sort.END else f"'{self.name + ':' if self.name else ''}{self.text or self.sort}'"
        )


def tokens(text: str) -> list[Token]:
    """Read the words of a filter; the last one is the end.

    Raises:
        FilterError: the text is too long, or a quotation does not end.
    """
    if len(text) > TEXT_LIMIT:
        refuse(TEXT_LIMIT, f"{len(text)} characters", f"at most {TEXT_LIMIT}")
    found: list[Token] = []
    at = 0
    while True:
        at = _after_spaces(text, at)
        if at == len(text):
            return [*found, Token(Sort.END, at, at)]
        token = _token(text, at)
        found.append(token)
        at = token.end


def refuse(at: int, found: str, expected: str, near: str = "") -> NoReturn:
    """Say what is wrong with a filter.

    Raises:
        FilterError: always.
    """
    hint = f", did you mean {near}?" if near else ""
    raise FilterError(
        f"the filter is wrong at character {at + 1}: found {found}, expected {expected}{hint}", remedy=_REMEDY, at=at
    )


def _token(text: str, at: int) -> Token:
    sign = text[at]
    if sign in "()":
        return Token(Sort(sign), at, at + 1)
    if sign == "-" and at + 1 < len(text) and not text[at + 1].isspace() and text[at + 1] not in "-)":
        return Token(Sort.MINUS, at, at + 1)
    if sign == '"':
        value, end = _quoted(text, at)
        return Token(Sort.TEXT, at, end, value, quoted=True)
    if field := _FIELD.match(text, at):
        value, end, quoted = _value(text, field.end())
        return Token(Sort.FIELD, at, end, value, name=field[1], quoted=quoted, value_at=field.end())
    bare = _BARE.match(text, at)
    assert bare is not None  # noqa: S101 - spaces, parentheses and quotes were looked at above
    sort = {"or": Sort.OR, "and": Sort.AND}.get(bare[0].lower(), Sort.TEXT)
    return Token(sort, at, bare.end(), bare[0])


def _value(text: str, at: int) -> tuple[str, int, bool]:
    if at < len(text) and text[at] == '"':
        return *_quoted(text, at), True
    bare = _BARE.match(text, at)
    return (bare[0], bare.end(), False) if bare else ("", at, False)


def _quoted(text: str, at: int) -> tuple[str, int]:
    quotation = _QUOTED.match(text, at)
    if quotation is None:
        refuse(at, "a quotation without end", "a closing '\"'")
    return re.sub(r"\\(.)", r"\1", quotation[1], flags=re.DOTALL), quotation.end()


def _after_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
