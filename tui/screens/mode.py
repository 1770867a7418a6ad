"""What all modes share: status on top, a table, the details beside it or over it, notes and keys below."""

from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer

from tui.state.line import Line, Piece, Role
from tui.state.session import Session
from tui.state.text_filter import TextFilter
from tui.widgets.filter_line import FilterLine
from tui.widgets.note_line import NoteLine
from tui.widgets.pane import Pane
from tui.widgets.status_line import StatusLine
from tui.widgets.table import Table

WIDE = 120


class ModeScreen(Screen[None]):
    """A mode. On a narrow terminal the details cover the table; on a wide one they stand beside it."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual's own annotation
    DEFAULT_CSS = """
    ModeScreen {
        Pane { display: none; }
        &.-wide Pane { display: block; width: 43%; border-left: solid $panel; }
        &.-narrow.-reading Pane { display: block; }
        &.-narrow.-reading Table { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("f", "follow", "Follow"),
        Binding("space", "pause", "Pause"),
        Binding("y", "copy", "Copy"),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.paused = False
        self.following = False
        self._note: Line = ()

    def make_table(self) -> Table:
        """Return the table of this mode."""
        raise NotImplementedError

    def make_detail(self, width: int) -> list[Line]:
        """Return the details of what the cursor stands on."""
        raise NotImplementedError

    def summary(self) -> Line:
        """Return what the note line says of the table."""
        raise NotImplementedError

    def narrow(self, text: str) -> TextFilter:
        """Show only what matches a filter, if it has no problem."""
        raise NotImplementedError

    def filter_text(self) -> str:
        """Return the filter in force."""
        raise NotImplementedError

    def copied(self) -> str | None:
        """Return what a copy of the line under the cursor is, or None when there is no line."""
        raise NotImplementedError

    def follow(self) -> None:
        """Put the cursor where the news is."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Arrange the widgets."""
        yield StatusLine(self.session.glyphs)
        with Horizontal():
            yield self.make_table()
            yield Pane()
        yield NoteLine()
        yield FilterLine()
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Give the keys to the table and show what is there."""
        self.query_one(Table).focus()
        self.look(self.session.clock())

    def look(self, _now: datetime) -> None:
        """Show the newest look at the workspace; a paused table stays as it is."""
        self.query_one(StatusLine).show(self.session.status)
        if not self.paused:
            self.query_one(Table).update()
            if self.following:
                self.follow()
            self.show_detail()
        self.show_note()

    def show_detail(self) -> None:
        """Make the details again."""
        pane = self.query_one(Pane)
        if pane.display and pane.size.width:
            pane.show(self.make_detail(pane.size.width))

    def show_note(self) -> None:
        """Say how much is shown, and what was done last."""
        states = (("paused", self.paused), ("following", self.following))
        words = [Piece(f"  {word}", Role.ATTENTION) for word, is_so in states if is_so]
        self.query_one(NoteLine).show((Piece(" "), *self.summary(), *words, *self._note))

    def tell(self, text: str, role: Role) -> None:
        """Say what a key did, until the next key says something else."""
        self._note = (Piece(f"  {text}", role),) if text else ()
        self.show_note()

    def on_table_moved(self) -> None:
        """Show the details of the line the cursor came to."""
        self.show_detail()

    def on_pane_resized(self) -> None:
        """Make the details again for their new width."""
        self.show_detail()

    def on_table_opened(self) -> None:
        """Show the details, over the table where there is no room beside it."""
        self.add_class("-reading")
        self.query_one(Pane).focus()

    def on_filter_line_submitted(self, event: FilterLine.Submitted) -> None:
        """Use the filter that was typed, or say why it cannot be used."""
        wanted = self.narrow(event.value)
        if wanted.problem is not None:
            self.tell(wanted.problem, Role.BAD)
            return
        self._close_filter()

    def on_filter_line_left(self) -> None:
        """Go back to the table."""
        self._close_filter()

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open(self.filter_text())

    def action_follow(self) -> None:
        """Start or stop to keep the cursor where the news is."""
        self.following = not self.following
        if self.following:
            self.follow()
        self.tell("", Role.MUTED)

    def action_pause(self) -> None:
        """Stop the table, or let it go on."""
        self.paused = not self.paused
        self.look(self.session.clock())

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
            self.query_one(Table).focus()
        elif self.filter_text():
            self.narrow("")
            self.look(self.session.clock())

    def _close_filter(self) -> None:
        self.query_one(FilterLine).close()
        self.query_one(Table).focus()
        self.tell("", Role.MUTED)
        self.look(self.session.clock())
