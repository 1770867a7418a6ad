"""A policy as it is written, with its lines numbered and the ones that decided marked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.workspace.policy_view import PolicyPlace
from tui.state.cedar_text import highlight
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean

_FRAME: Final = re.compile(r"\s*(?:(?:when|unless)\s*\{)?\s*(.*?)\s*(?:&&|\}?\s*;?)\s*")


@dataclass(frozen=True, slots=True)
class Page:
    """Lines to read, some of them on the ground that a cursor has.

    Attributes:
        lines: the lines.
        marked: the positions of those that matter most.
    """

    lines: list[Line] = field(default_factory=list)
    marked: frozenset[int] = frozenset()

    def __add__(self, other: "Page") -> "Page":
        """Set another page below this one."""
        shifted = {len(self.lines) + at for at in other.marked}
        return Page([*self.lines, *other.lines], self.marked | shifted)


def excerpt(place: PolicyPlace, conditions: Sequence[str], glyphs: Glyphs) -> Page:
    """Return a policy under its place.

    Args:
        place: where it stands, and its text.
        conditions: conditions of it, as a decision's record words them; the lines that hold them are marked, or else
            the policy's first line.
        glyphs: the signs to use.
    """
    lines = place.body.split("\n")
    wanted = {_close(condition) for condition in conditions}
    told = [at for at, line in enumerate(lines) if not wanted.isdisjoint(_said(line))]
    marked = told or [place.line - place.start]
    numbered = numbered_lines(place.body, place.start, glyphs)
    title: Line = (Piece(clean(f"{place.file}:{place.start + marked[0]}"), Role.STRONG),)
    return Page([title, *numbered, BLANK], frozenset(1 + at for at in marked))


def numbered_lines(text: str, start: int, glyphs: Glyphs) -> list[Line]:
    """Return the lines of a Cedar text in colours, each behind its number, the first of which is `start`."""
    lines = highlight(text)
    cells = max(3, len(str(start + len(lines))))
    return [(Piece(f"{number:>{cells}} {glyphs.stem} ", Role.MUTED), *line) for number, line in enumerate(lines, start)]


def _said(line: str) -> list[str]:
    """Return the conditions that a line of a policy says, without what frames them."""
    found = _FRAME.fullmatch(line)
    return _close(found[1]).split("&&") if found else []


def _close(text: str) -> str:
    return "".join(text.split())
