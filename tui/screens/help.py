"""What the keys do and what the signs mean, over whatever mode asked."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.state.glyphs import ASCII, Glyphs
from tui.state.help import help_lines
from tui.widgets.pane import Pane


class HelpScreen(ModalScreen[None]):
    """A box of text that any of the usual keys closes."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $background 60%;
        & > Pane {
            width: 75;
            max-width: 94%;
            height: auto;
            max-height: 94%;
            padding: 1 2;
            background: $surface;
            border: round $panel;
        }
        &.-ascii > Pane { border: ascii $panel; scrollbar-size-vertical: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q", "dismiss", "Close", show=False),
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(classes="-ascii" if glyphs is ASCII else None)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Show the text."""
        yield Pane()

    def on_mount(self) -> None:
        """Fill the box."""
        self.query_one(Pane).show(help_lines(self._glyphs))
