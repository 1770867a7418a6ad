"""The line at the top of every screen."""

from textual.strip import Strip

from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line
from tui.state.status import Status, status_line
from tui.widgets.painted import Painted


class StatusLine(Painted, can_focus=False):
    """Shows alarms first; see `tui.state.status`."""

    DEFAULT_CSS = "StatusLine { height: 1; dock: top; background: $surface; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._status: Status | None = None

    def show(self, status: Status) -> None:
        """Show another status."""
        before, self._status = self._line(), status
        if self._line() != before:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        return self.paint(self._line() if y == 0 else BLANK, self.room.width, self.ground("heading"))

    def _line(self) -> Line:
        return status_line(self._status, self.room.width, self._glyphs) if self._status else BLANK
