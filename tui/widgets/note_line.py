"""The line above the keys: how much is shown, and what the last key did."""

from collections.abc import Sequence

from textual.strip import Strip

from tui.state.line import BLANK, Line
from tui.widgets.painted import Painted


class NoteLine(Painted, can_focus=False):
    """Shows the line that its screen makes, and more of them while there is more to say."""

    DEFAULT_CSS = "NoteLine { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[Line] = (BLANK,)

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines; the widget becomes as high as they need."""
        if lines != self._lines:
            self._lines = lines
            self.styles.height = len(lines)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint a line."""
        line = self._lines[y] if y < len(self._lines) else BLANK
        return self.paint(line, self.room.width, self.ground("heading"))
