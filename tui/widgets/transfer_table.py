"""The table of transfers."""

from tui.state.board import Board
from tui.state.line import Line
from tui.widgets.table import Table


class TransferTable(Table):
    """Shows a board of transfers; the cursor stays on its transfer when the order changes."""

    def __init__(self, board: Board) -> None:
        super().__init__(board.glyphs, empty="no transfers yet: 'lading send' starts one")
        self._board = board
        self._held: str | None = None

    def count(self) -> int:
        """Return how many transfers are shown."""
        return len(self._board.shown)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        return self._board.heading(width)

    def line(self, position: int, width: int) -> Line:
        """Return the line of one transfer."""
        return self._board.line(position, width)

    def update(self) -> None:
        """Paint the new look, with the cursor on the transfer it was on."""
        at = self._board.position(self._held) if self._held is not None else None
        if at is not None:
            self.cursor = at
        super().update()
        self._hold()

    def watch_cursor(self, before: int, after: int) -> None:
        """Remember the transfer the cursor came to."""
        self._hold()
        super().watch_cursor(before, after)

    def _hold(self) -> None:
        self._held = self._board.shown[self.cursor].id if self.count() else None
