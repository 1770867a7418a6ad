"""What all modes share: status on top, a table, the details beside it or over it, notes and keys below."""

from abc import abstractmethod
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from tui.state.excerpt import Page
from tui.state.glyphs import ASCII
from tui.state.line import Line, Piece, Role, with_note
from tui.state.session import Session
from tui.widgets.abstract import Abstract
from tui.widgets.filter_line import FilterLine
from tui.widgets.key_line import KeyLine
from tui.widgets.note_line import NoteLine
from tui.widgets.pane import Pane
from tui.widgets.status_line import StatusLine
from tui.widgets.table import Table

WIDE = 120


class Narrowing(Protocol):
    """A filter that was typed."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be used, or None."""
        ...


class ModeScreen(Screen[None], metaclass=Abstract):
    """A mode. On a narrow terminal the details cover the table; on a wide one they stand beside it."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual's own annotation
    DEFAULT_CSS = """
    ModeScreen {
        Pane { display: none; }
        &.-wide Pane { display: block; width: 43%; border-left: solid $panel; }
        &.-ascii Painted { scrollbar-size-vertical: 0; }
        &.-wide.-ascii Pane { border-left: ascii $panel; }
        &.-narrow.-reading Pane { display: block; }
        &.-narrow.-reading Table { display: none; }
    }
    """
    STARTS_FOLLOWING: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("f", "follow", "Follow"),
        Binding("space", "pause", "Pause"),
        Binding("y", "copy", "Copy"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(classes="-ascii" if session.glyphs is ASCII else None)
        self.session = session
        self.table = self.make_table()
        self.pane = Pane()
        self._status = StatusLine(session.glyphs)
        self._note_line = NoteLine()
        self._filter_line = self.make_filter_line()
        self.following = self.STARTS_FOLLOWING
        self._note: Piece | None = None

    @abstractmethod
    def make_table(self) -> Table:
        """Return the table of this mode."""

    @abstractmethod
    def make_detail(self, width: int) -> Page:
        """Return the details of what the cursor stands on."""

    @abstractmethod
    def summary(self) -> Line:
        """Return what the note line says of the table."""

    @abstractmethod
    def narrow(self, text: str) -> Narrowing:
        """Show only what matches a filter, if it has no problem."""

    @abstractmethod
    def filter_text(self) -> str:
        """Return the filter in force."""

    @abstractmethod
    def copied(self) -> str | None:
        """Return what a copy of the line under the cursor is, or None when there is no line."""

    @abstractmethod
    def news(self) -> int | None:
        """Return the position that following keeps the cursor on."""

    def compose(self) -> ComposeResult:
        """Arrange the widgets."""
        yield self._status
        yield from self.middle()
        yield self._note_line
        yield from self.prompts()
        yield KeyLine()

    def make_filter_line(self) -> FilterLine:
        """Return where a filter is typed."""
        return FilterLine()

    def prompts(self) -> ComposeResult:
        """Arrange what is typed into."""
        yield self._filter_line

    def middle(self) -> ComposeResult:
        """Set the details beside the table."""
        with Horizontal():
            yield self.table
            yield self.pane

    def on_mount(self) -> None:
        """Give the keys to the table and show what is there."""
        self.table.focus()
        self.watch(self.table, "cursor", self._end_following, init=False)
        self.look()

    def on_screen_resume(self) -> None:
        """Show what happened while another mode was on the screen."""
        if self.is_mounted:
            self.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to go back where there is something to leave, and to follow where there is a cursor."""
        if action == "back":
            return self.has_class("-reading") or bool(self.filter_text())
        if action == "follow":
            return not self.has_class("-reading")
        return super().check_action(action, parameters)

    def look(self) -> None:
        """Show what the session knows now."""
        self._status.show(self.session.status)
        self.table.update()
        news = self.news()
        if self.following and news is not None:
            self.go(news)
        self.show_detail()
        self.show_note()

    def go(self, position: int) -> None:
        """Put the cursor on a line, and show its details from the top."""
        before = self.table.cursor
        self.table.go(position)
        if self.table.cursor != before:
            self.pane.scroll_home(animate=False)

    def show_detail(self) -> None:
        """Make the details again."""
        width = self.pane.room.width
        if self.pane.display and width:
            page = self.make_detail(width)
            self.pane.show(page.lines, page.marked)

    def show_note(self) -> None:
        """Say how much is shown, and what was done last."""
        following = (Piece("  following", Role.RUNNING),) if self.following else ()
        line: Line = (Piece(" "), *self.summary(), *following)
        self._note_line.show(with_note(line, self._note, self.size.width))

    def tell(self, text: str, role: Role) -> None:
        """Say what a key did, until the next key says something else."""
        self._note = Piece(text, role) if text else None
        self.show_note()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Show the details of the line the cursor came to."""
        if message.by_hand:
            self._note = None
            self.pane.scroll_home(animate=False)
        self.show_detail()
        self.show_note()

    def on_table_scrolled(self) -> None:
        """Say anew what is known of the lines in view: they are others now."""
        self.show_note()

    def on_pane_resized(self) -> None:
        """Make the details again for their new width."""
        self.show_detail()

    def on_table_opened(self) -> None:
        """Show the details, over the table where there is no room beside it."""
        self.add_class("-reading")
        self.pane.focus()
        self.refresh_bindings()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Use what was typed."""
        self.use(event.input, event.value)

    def use(self, _prompt: Input, text: str) -> None:
        """Use the filter that was typed, or say why it cannot be used."""
        wanted = self.narrow(text)
        if wanted.problem is not None:
            self.tell(wanted.problem, Role.BAD)
            return
        self.close_prompt()

    def on_filter_line_left(self) -> None:
        """Go back to the table."""
        self.close_prompt()

    def action_filter(self) -> None:
        """Type a filter."""
        self._filter_line.open(self.filter_text())

    def action_follow(self) -> None:
        """Start or stop to keep the cursor where the news is."""
        self.following = not self.following
        self.look()

    def action_pause(self) -> None:
        """Stop the table, or let it go on."""
        self.session.paused = not self.session.paused
        self.look()

    def action_copy(self) -> None:
        """Copy the line under the cursor to the terminal's clipboard (OSC 52)."""
        text = self.copied()
        if text is not None:
            self.app.copy_to_clipboard(text)
            self.tell("copied", Role.GOOD)

    def action_back(self) -> None:
        """Leave the details; or, on the table, show everything again."""
        if self.has_class("-reading"):
            self.remove_class("-reading")
            self.table.focus()
        elif self.filter_text():
            self.narrow("")
            self.look()
        self.refresh_bindings()

    def close_prompt(self) -> None:
        """Hide what was typed into, and give the keys to the table."""
        for prompt in self.query(FilterLine):
            prompt.close()
        self.table.focus()
        self.tell("", Role.MUTED)
        self.look()
        self.refresh_bindings()

    def _end_following(self) -> None:
        """End following at once when somebody leaves the news: the next look would take the cursor back to it."""
        if self.table.by_hand:
            self.following = self.following and self.table.cursor == self.news()
