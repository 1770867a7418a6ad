"""The transfers on the screen: which are shown, in which order, and one line of text for each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from engine.text import counted
from engine.workspace.views import Direction, Transfer
from tui.state import measures
from tui.state.bar import bar
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, fit
from tui.state.pace import Pace
from tui.state.states import MOVING, WAITING, mark
from tui.state.text_filter import EVERYTHING, TextFilter, parse_filter

KEYS: Final = ("state", "partner", "name", "version", "purpose", "actor", "agreement", "artifact", "id")

STATE_CELLS, AGE_CELLS, RATE_CELLS, LEFT_CELLS = 13, 8, 10, 5
FIXED_CELLS = STATE_CELLS + 1 + 2 + 1 + 1  # state, gap, direction, and a gap after each of the two wide columns


class Board:
    """Keeps the newest look at all transfers and the speed of those that move.

    Order: what waits for a person, what moves, then what is over; the newest first within each.
    """

    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.filter: TextFilter = EVERYTHING
        self.shown: tuple[Transfer, ...] = ()
        self.now = datetime.fromtimestamp(0, UTC)
        self._all: tuple[Transfer, ...] = ()
        self._paces: dict[str, Pace] = {}

    def update(self, transfers: Sequence[Transfer], now: datetime) -> None:
        """Take a new look at the transfers."""
        self.now = now
        self._all = tuple(sorted(transfers, key=_urgency))
        moving = {transfer.id: transfer for transfer in transfers if transfer.state in MOVING}
        self._paces = {key: self._paces.get(key, Pace()) for key in moving}
        for key, transfer in moving.items():
            self._paces[key].observe(transfer.bytes_done, now)
        self._apply()

    def narrow(self, text: str) -> TextFilter:
        """Show only what matches `text`; a filter with a problem changes nothing."""
        wanted = parse_filter(text, KEYS)
        if wanted.problem is None:
            self.filter = wanted
            self._apply()
        return wanted

    def pace(self, transfer: Transfer) -> Pace:
        """Return how fast a transfer moves; one that does not move has no speed."""
        return self._paces.get(transfer.id, Pace())

    def position(self, transfer_id: str) -> int | None:
        """Return where a transfer stands in the list, or None when it is not shown."""
        return next((at for at, transfer in enumerate(self.shown) if transfer.id == transfer_id), None)

    @property
    def summary(self) -> Line:
        """How many transfers there are, and how many of them need somebody."""
        states = [transfer.state for transfer in self._all]
        moving = sum(state in MOVING for state in states)
        waiting = sum(state in WAITING for state in states)
        pieces = [Piece(counted(len(states), "transfers"), Role.STRONG), Piece(f"  {moving} moving", Role.MUTED)]
        if waiting:
            pieces.append(Piece(f"  {self.glyphs.attention} {waiting} waiting", Role.ATTENTION))
        if self.filter.terms:
            pieces.append(Piece(f"  {len(self.shown)} shown by /{self.filter.text}", Role.RUNNING))
        return tuple(pieces)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        name, partner = _wide_columns(width - 1)
        left = f" {fit('STATE', STATE_CELLS)}   {fit('ARTIFACT', name)} {fit('PARTNER', partner)} "
        return (Piece(fit(left + "PROGRESS", width), Role.STRONG),)

    def line(self, position: int, width: int) -> Line:
        """Return the line of the transfer at `position`, exactly `width` cells from the cursor's column on."""
        transfer = self.shown[position]
        name, partner = _wide_columns(width)
        state = mark(transfer.state, self.glyphs)
        sign = self.glyphs.sent if transfer.direction is Direction.OUT else self.glyphs.received
        rest = max(0, width - FIXED_CELLS - name - partner)
        return (
            Piece(fit(state.text, STATE_CELLS + 1), state.role),
            Piece(f"{sign} ", Role.MUTED),
            Piece(fit(f"{transfer.name}:{transfer.version}", name, ellipsis=self.glyphs.ellipsis) + " "),
            Piece(fit(transfer.partner, partner, ellipsis=self.glyphs.ellipsis) + " ", Role.MUTED),
            *self._progress(transfer, rest),
        )

    def _progress(self, transfer: Transfer, width: int) -> Line:
        if transfer.state not in MOVING:
            return (Piece(fit(self._outcome(transfer), width, ellipsis=self.glyphs.ellipsis), Role.MUTED),)
        pace = self.pace(transfer)
        speed = pace.bytes_per_second
        left = pace.seconds_left(transfer.bytes_total - transfer.bytes_done)
        figures = (
            f" {measures.percent(transfer.bytes_done, transfer.bytes_total)}"
            f" {measures.rate(speed) if speed else '':>{RATE_CELLS}}"
            f" {measures.duration(left) if left else '':>{LEFT_CELLS}}"
        )
        cells = max(0, width - len(figures))
        return (
            *bar(transfer.bytes_done, transfer.bytes_total, cells, self.glyphs),
            Piece(fit(figures, width - cells)),
        )

    def _outcome(self, transfer: Transfer) -> str:
        ago = measures.age(transfer.updated, self.now)
        done = transfer.state == "completed"
        what = transfer.detail or f"{measures.size(transfer.bytes_done)} of {measures.size(transfer.bytes_total)}"
        return f"{ago:>{AGE_CELLS}}  {measures.size(transfer.bytes_total) if done else what}"

    def _apply(self) -> None:
        self.shown = tuple(transfer for transfer in self._all if self.filter.holds(fields(transfer)))


def fields(transfer: Transfer) -> dict[str, str]:
    """Return what a filter can see of a transfer."""
    return {key: str(getattr(transfer, key)) for key in KEYS}


def _urgency(transfer: Transfer) -> tuple[int, float, str]:
    rank = 0 if transfer.state in WAITING else 1 if transfer.state in MOVING else 2
    return rank, -transfer.started.timestamp(), transfer.id


def _wide_columns(width: int) -> tuple[int, int]:
    """Share what the fixed columns leave: artifact and partner take a little over half of it."""
    free = max(0, width - FIXED_CELLS)
    return min(36, free * 28 // 100), min(30, free * 25 // 100)
