"""A table of lines with a cursor. It asks for the lines it shows and for no others."""

from abc import abstractmethod
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role
from tui.widgets.abstract import Abstract
from tui.widgets.painted import Painted


class Table(Painted, can_focus=True, metaclass=Abstract):
    """Draws a heading and the visible lines, moves the cursor, and tells its screen about both.

    Attributes:
        cursor: the position of the line that the user is on.
        by_hand: False while the cursor moves because lines came and went, and not by a key or a click.
    """

    DEFAULT_CSS = "Table { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "Page down", show=False),
        Binding("ctrl+u,pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "top", "First", show=False),
        Binding("G,end", "bottom", "Last", show=False),
        Binding("enter", "open", "Details", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor stands on another line, `by_hand` (a key, a click) or because lines came and went."""

        def __init__(self, *, by_hand: bool) -> None:
            super().__init__()
            self.by_hand = by_hand

    class Opened(Message):
        """Somebody wants to see everything about the line under the cursor."""

    class Scrolled(Message):
        """Other lines came into view."""

    def __init__(self, glyphs: Glyphs, *, empty: str) -> None:
        super().__init__()
        self.glyphs = glyphs
        self._empty = empty
        self._shown: dict[int, Line] = {}
        self.by_hand = True

    @abstractmethod
    def count(self) -> int:
        """Return how many lines there are."""

    @abstractmethod
    def heading(self, width: int) -> Line:
        """Return the names of the columns."""

    @abstractmethod
    def line(self, position: int, width: int) -> Line:
        """Return one line of the table."""

    @property
    def in_view(self) -> range:
        """The positions that stand on the screen now."""
        top = self.scroll_offset.y
        return range(top, max(top, min(self.count(), top + self.room.height - 1)))

    def held(self) -> int | None:
        """Return where the line stands now that the cursor came to; None where lines never move, or it is gone."""
        return None

    def hold(self) -> None:
        """Remember the line that the cursor came to."""

    def update(self) -> None:
        """Paint the lines that read differently now, and no others, with the cursor on the line it was on."""
        at = self.held()
        self.go(self.validate_cursor(self.cursor if at is None else at))
        self.hold()
        self.lay_out(self.count() + 1)
        shown = {position: self.line(position, self.room.width - 1) for position in self.in_view}
        for position in shown.keys() | self._shown.keys():
            if shown.get(position) != self._shown.get(position):
                self._refresh_line(position)
        self._shown = shown

    def go(self, position: int) -> None:
        """Put the cursor on a line where nobody moved it by hand: what a note says stays."""
        self.by_hand = False
        self.cursor = position
        self.by_hand = True

    def render_line(self, y: int) -> Strip:
        """Paint the heading or one visible line."""
        width = self.room.width
        if y == 0:
            return self.paint(self.heading(width), width, self.ground("heading"))
        position = self.scroll_offset.y + y - 1
        if position >= self.count():
            empty: Line = (Piece(f"  {self._empty}", Role.MUTED),) if self.count() == 0 and y == 2 else ()  # noqa: PLR2004
            return self.paint(empty, width, self.ground("plain"))
        here = position == self.cursor
        mark = Piece(self.glyphs.cursor if here else " ", Role.RUNNING)
        ground = self.ground("cursor" if here else "plain")
        return self.paint((mark, *self.line(position, width - 1)), width, ground)

    def validate_cursor(self, position: int) -> int:
        """Keep the cursor on the table."""
        return max(0, min(position, self.count() - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Bring the cursor's line into view, and paint the two lines that changed."""
        self.hold()
        self.reveal()
        self._refresh_line(before)
        self._refresh_line(after)
        self.post_message(self.Moved(by_hand=self.by_hand))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the screen that it looks at other lines now."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Scrolled())

    def on_resize(self, _: Resize) -> None:
        """Keep the cursor in view when the terminal changes its size."""
        self.update()
        self.reveal()
        self.post_message(self.Scrolled())

    def on_click(self, event: Click) -> None:
        """Put the cursor where the mouse is."""
        if event.y > 0:
            self.cursor = self.scroll_offset.y + event.y - 1

    def action_move(self, lines: int) -> None:
        """Move the cursor by some lines."""
        self.cursor += lines

    def action_page(self, pages: int) -> None:
        """Move the cursor by half a screen."""
        self.cursor += pages * max(1, (self.room.height - 1) // 2)

    def action_top(self) -> None:
        """Move to the first line."""
        self.cursor = 0

    def action_bottom(self) -> None:
        """Move to the last line."""
        self.cursor = self.count() - 1

    def action_open(self) -> None:
        """Ask for the details of the line under the cursor."""
        if self.count():
            self.post_message(self.Opened())

    def reveal(self) -> None:
        """Scroll as little as brings the cursor into view."""
        rows, top = max(1, self.room.height - 1), self.scroll_offset.y
        target = min(max(top, self.cursor - rows + 1), self.cursor)
        if target != top:
            self.scroll_to(y=target, animate=False, immediate=True)

    def _refresh_line(self, position: int) -> None:
        y = position - self.scroll_offset.y + 1
        if 0 < y < self.room.height:
            self.refresh(Region(0, y, self.room.width, 1))
