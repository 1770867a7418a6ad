"""A pane of lines to read: the details of what the cursor stands on."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message
from textual.strip import Strip

from tui.state.line import BLANK, Line
from tui.widgets.painted import Painted


class Pane(Painted, can_focus=True):
    """Shows lines that its screen makes for its width, and scrolls over them."""

    DEFAULT_CSS = "Pane { height: 1fr; padding: 0 1; scrollbar-gutter: stable; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "Down", show=False),
        Binding("k,up", "scroll_up", "Up", show=False),
        Binding("ctrl+d,pagedown", "page_down", "Page down", show=False),
        Binding("ctrl+u,pageup", "page_up", "Page up", show=False),
        Binding("g,home", "scroll_home", "First", show=False),
        Binding("G,end", "scroll_end", "Last", show=False),
    ]

    class Resized(Message):
        """The pane has another width now: its lines have to be made again."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._marked: frozenset[int] = frozenset()

    def show(self, lines: Sequence[Line], marked: frozenset[int] = frozenset()) -> None:
        """Show these lines instead, those at the positions in `marked` on a cursor's ground."""
        if (lines, marked) != (self._lines, self._marked):
            self._lines, self._marked = lines, marked
            self.lay_out(len(lines))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint one visible line."""
        at = self.scroll_offset.y + y
        line = self._lines[at] if at < len(self._lines) else BLANK
        ground = "cursor" if at in self._marked else "plain"
        return self.paint(line, self.room.width, self.ground(ground))

    def on_resize(self, _: Resize) -> None:
        """Ask for lines of the new width."""
        self.post_message(self.Resized())
