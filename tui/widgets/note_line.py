"""The line above the keys: how much is shown, and what the last key did."""

from textual.strip import Strip

from tui.state.line import BLANK, Line
from tui.widgets.painted import Painted


class NoteLine(Painted, can_focus=False):
    """Shows one line that its screen makes."""

    DEFAULT_CSS = "NoteLine { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._line: Line = BLANK

    def show(self, line: Line) -> None:
        """Show another line."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        return self.paint(self._line if y == 0 else BLANK, self.room.width, self.ground("heading"))
