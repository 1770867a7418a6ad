"""Progress bars and chunk maps as pieces of text."""

from collections.abc import Sequence

from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role
from tui.state.measures import share

MAP_ROWS = 8


def bar(done: int, total: int, width: int, glyphs: Glyphs) -> Line:
    """Draw a bar of `width` cells; it is full only when everything is done."""
    full = int(share(done, total) * width)
    return (Piece(glyphs.full * full, Role.RUNNING), Piece(glyphs.empty * (width - full), Role.MUTED))


def chunk_map(held: Sequence[bool], width: int, glyphs: Glyphs) -> list[Line]:
    """Draw which chunks are here, in the order of the offer, in at most eight rows of `width` cells.

    When there are more chunks than cells, a cell stands for several and shows the worst of them: it is full
    only if all of them are here.
    """
    if not held or width < 1:
        return []
    per_cell = -(-len(held) // (width * MAP_ROWS))
    marks = [_cell(held[start : start + per_cell], glyphs) for start in range(0, len(held), per_cell)]
    return [_joined(marks[start : start + width]) for start in range(0, len(marks), width)]


def _cell(held: Sequence[bool], glyphs: Glyphs) -> Piece:
    if all(held):
        return Piece(glyphs.held, Role.GOOD)
    return Piece(glyphs.partial, Role.RUNNING) if any(held) else Piece(glyphs.missing, Role.MUTED)


def _joined(marks: Sequence[Piece]) -> Line:
    line: list[Piece] = []
    for mark in marks:
        if line and line[-1].role is mark.role:
            line[-1] = Piece(line[-1].text + mark.text, mark.role)
        else:
            line.append(mark)
    return tuple(line)
