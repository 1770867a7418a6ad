"""A policy as it is written, with its lines numbered and the ones that decided marked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.workspace.governing.policy_view import PolicyPlace
from tui.state.cedar_text import highlight
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, fold

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


def excerpt(place: PolicyPlace, conditions: Sequence[str], *, width: int, glyphs: Glyphs) -> Page:
    """Return a policy under its place.

    Args:
        place: where it stands, and its text.
        conditions: conditions of it, as a decision's record words them; the lines that hold them are marked, or else
            the policy's first line.
        width: cells in a line.
        glyphs: the signs to use.
    """
    lines = place.body.split("\n")
    wanted = {_close(condition) for condition in conditions}
    told = [at for at, line in enumerate(lines) if not wanted.isdisjoint(_said(line))]
    marked = told or [place.line - place.start]
    title: Line = (Piece(clean(f"{place.file}:{place.start + marked[0]}"), Role.STRONG),)
    body = numbered(highlight(place.body), frozenset(marked), start=place.start, width=width, glyphs=glyphs)
    return Page([title]) + body + Page([BLANK])


def numbered(lines: Sequence[Line], marked: frozenset[int], *, start: int, width: int, glyphs: Glyphs) -> Page:
    """Return each line behind its number, the first of which is `start`; what is too long goes on below.

    Args:
        lines: the lines, without numbers.
        marked: the positions of those that matter most.
        start: the number of the first.
        width: cells in a line.
        glyphs: the signs to use.
    """
    cells = max(3, len(str(start + len(lines))))
    found: list[Line] = []
    grounds: set[int] = set()
    for at, line in enumerate(lines):
        for number, part in enumerate(fold(line, width - cells - 3)):
            if at in marked:
                grounds.add(len(found))
            gutter = f"{start + at if number == 0 else '':>{cells}} {glyphs.stem} "
            found.append((Piece(gutter, Role.MUTED), *part))
    return Page(found, frozenset(grounds))


def _said(line: str) -> list[str]:
    """Return the conditions that a line of a policy says, without what frames them."""
    found = _FRAME.fullmatch(line)
    return _close(found[1]).split("&&") if found else []


def _close(text: str) -> str:
    return "".join(text.split())
