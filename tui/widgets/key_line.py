"""The line at the bottom: which keys do something now."""

from textual.screen import Screen
from textual.strip import Strip

from tui.state.line import BLANK, Line, Piece, Role, length
from tui.widgets.painted import Painted


class KeyLine(Painted, can_focus=False):
    """Shows the bindings in force; what does not fit is dropped from the end."""

    DEFAULT_CSS = "KeyLine { height: 1; }"

    def on_mount(self) -> None:
        """Paint again whenever other keys do something."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        width = self.room.width
        return self.paint(self._keys(width) if y == 0 else BLANK, width, self.ground("heading"))

    def _keys(self, width: int) -> Line:
        line: Line = (Piece(" "),)
        for active in self.screen.active_bindings.values():
            if not (active.binding.show and active.enabled):
                continue
            key = Piece(self.app.get_key_display(active.binding), Role.RUNNING)
            longer = (*line, key, Piece(f" {active.binding.description}  ", Role.MUTED))
            if length(longer) > width + 2:
                break
            line = longer
        return line

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()
