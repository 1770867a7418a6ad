"""The line at the top of every screen."""

from textual.strip import Strip

from tui.state.glyphs import Glyphs
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
        if status != self._status:
            self._status = status
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        width = self.size.width
        line = status_line(self._status, width, self._glyphs) if self._status and y == 0 else ()
        return self.paint(line, width, self.ground("heading"))
