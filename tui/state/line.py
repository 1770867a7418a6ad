"""Lines of text with roles: what every view model produces and every widget paints.

Text that came from a partner is hostile: names may hold escape sequences, bidirectional controls or wide
characters. Everything passes through `fit` or `clean` before it is painted.
"""

import textwrap
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Role(StrEnum):
    """What a piece of text means; a widget chooses the colour. The last four are those of source text."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    GOOD = "good"
    BAD = "bad"
    ATTENTION = "attention"
    RUNNING = "running"
    KEYWORD = "keyword"
    STRING = "string"
    ANNOTATION = "annotation"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text and what it means."""

    text: str
    role: Role = Role.PLAIN


Line: TypeAlias = tuple[Piece, ...]

BLANK: Line = ()


def clean(text: str) -> str:
    """Replace every character that could move the cursor, hide or reorder text by `?`."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def fit(text: str, width: int, *, ellipsis: str = "…") -> str:
    """Return `text` cleaned and cut or padded to exactly `width` cells."""
    text = clean(text)
    taken = cells(text)
    if taken <= width:
        return text + " " * (width - taken)
    sign = ellipsis if cells(ellipsis) <= width else ""
    room = width - cells(sign)
    kept, used = "", 0
    for character in text:
        if used + _cell(character) > room:
            break
        kept, used = kept + character, used + _cell(character)
    return kept + sign + " " * (room - used)


def wrap(text: str, width: int) -> list[str]:
    """Break `text` into lines of at most `width` cells, at spaces where it can."""
    room = max(8, width)
    lines = textwrap.wrap(clean(text), room, break_on_hyphens=False) or [""]  # counts characters, not cells
    return ["".join(piece.text for piece in part) for line in lines for part in fold((Piece(line),), room)]


def fold(line: Line, width: int) -> list[Line]:
    """Break a line into lines of at most `width` cells, wherever that is."""
    if length(line) <= width:
        return [line]
    parts: list[list[Piece]] = [[]]
    used = 0
    for piece in line:
        kept = ""
        for character in piece.text:
            if used + _cell(character) > max(2, width):
                parts[-1].append(Piece(kept, piece.role))
                parts.append([])
                kept, used = "", 0
            kept, used = kept + character, used + _cell(character)
        if kept:
            parts[-1].append(Piece(kept, piece.role))
    return [tuple(part) for part in parts]


def with_note(line: Line, note: Piece | None, width: int) -> list[Line]:
    """Return a line with a note: behind it, or in lines of its own where it does not fit."""
    if note is None:
        return [line]
    behind = (*line, Piece(f"  {clean(note.text)}", note.role))
    if length(behind) <= width:
        return [behind]
    return [line, *((Piece(f" {part}", note.role),) for part in wrap(note.text, width - 2))]


def length(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cells(piece.text) for piece in line)


def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
