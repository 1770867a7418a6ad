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

    def held(self) -> int | None:
        """Return where the line stands that the cursor came to."""
        return None if self._held is None else self._board.position(self._held)

    def hold(self) -> None:
        """Remember the line that the cursor came to."""
        self._held = self._board.shown[self.cursor].id if self.count() else None
