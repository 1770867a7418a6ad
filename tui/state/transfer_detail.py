"""Everything about one transfer, as lines: its steps, its figures, its chunks."""

from collections.abc import Sequence
from datetime import datetime

from engine.workspace.views import Direction, Transfer
from tui.state import measures
from tui.state.bar import bar, chunk_map
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, fit, length, wrap
from tui.state.pace import Pace
from tui.state.states import MOVING, mark, pipeline

LABEL_CELLS = 11


def detail(
    transfer: Transfer, held: Sequence[bool], pace: Pace, now: datetime, *, width: int, glyphs: Glyphs
) -> list[Line]:
    """Return the detail of a transfer.

    Args:
        transfer: what is shown.
        held: for an incoming transfer, which of its chunks are here, in the order of the offer.
        pace: how fast it moves.
        now: the moment it is shown at.
        width: cells in a line.
        glyphs: the signs to use.
    """
    outgoing = transfer.direction is Direction.OUT
    sign, word = (glyphs.sent, "to") if outgoing else (glyphs.received, "from")
    lines: list[Line] = [
        (
            Piece(clean(f"{transfer.name}:{transfer.version}"), Role.STRONG),
            Piece(clean(f"  {sign} {word} {transfer.partner}"), Role.MUTED),
        ),
        (mark(transfer.state, glyphs),),
        *([(Piece(text),) for text in wrap(transfer.detail, width)] if transfer.detail else []),
        BLANK,
        *_flow(pipeline(transfer.state, transfer.step, glyphs), width),
        BLANK,
        *_progress(transfer, pace, width, glyphs),
        BLANK,
    ]
    if held:
        lines += [*_chunks(held, width, glyphs), BLANK]
    return lines + _facts(transfer, now, width, glyphs)


def _flow(pieces: Sequence[Piece], width: int) -> list[Line]:
    """Set pieces beside each other, starting a new line where the next would not fit."""
    lines: list[Line] = [BLANK]
    for piece in pieces:
        if lines[-1] and length(lines[-1]) + len(piece.text) > width:
            lines.append(BLANK)
        lines[-1] = (*lines[-1], Piece(piece.text + "  ", piece.role))
    return lines


def _progress(transfer: Transfer, pace: Pace, width: int, glyphs: Glyphs) -> list[Line]:
    share = f" {measures.percent(transfer.bytes_done, transfer.bytes_total)}"
    drawn = bar(transfer.bytes_done, transfer.bytes_total, max(0, width - len(share)), glyphs)
    counts = (
        f"{measures.size(transfer.bytes_done)} of {measures.size(transfer.bytes_total)}"
        f"   {transfer.chunks_done:,} of {transfer.chunks_total:,} chunks"
    )
    speed = pace.bytes_per_second if transfer.state in MOVING else None
    left = pace.seconds_left(transfer.bytes_total - transfer.bytes_done)
    moving = f"   {measures.rate(speed)}" if speed else ""
    moving += f", {measures.duration(left)} left" if moving and left is not None else ""
    return [(*drawn, Piece(share)), (Piece(counts, Role.MUTED), Piece(moving))]


def _facts(transfer: Transfer, now: datetime, width: int, glyphs: Glyphs) -> list[Line]:
    started = f"{measures.day_and_time(transfer.started)}  {measures.age(transfer.started, now)}"
    updated = f"{measures.day_and_time(transfer.updated)}  {measures.age(transfer.updated, now)}"
    facts = (
        ("transfer", transfer.id),
        ("purpose", transfer.purpose),
        ("asked by", transfer.actor),
        ("agreement", transfer.agreement),
        ("root digest", transfer.artifact),
        ("started", started),
        ("last change", updated),
    )
    room = max(0, width - LABEL_CELLS - 1)
    return [
        (Piece(f"{label:<{LABEL_CELLS}} ", Role.MUTED), Piece(fit(text, room, ellipsis=glyphs.ellipsis)))
        for label, text in facts
    ]


def _chunks(held: Sequence[bool], width: int, glyphs: Glyphs) -> list[Line]:
    legend = f"  {glyphs.held} here  {glyphs.partial} some  {glyphs.missing} missing"
    title = (Piece("chunks", Role.STRONG), Piece(legend, Role.MUTED))
    return [title, *chunk_map(held, width, glyphs)]
