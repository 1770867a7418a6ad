"""A question over the mode that asks it: what will happen, why it is done, and whether it is really meant."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.state.asking import WIDTH, Asking
from tui.state.glyphs import ASCII, Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean
from tui.widgets.pane import Pane


class AskScreen(ModalScreen[str | None]):
    """Wants a reason where one is needed, then `y`. It ends with the reason, or with None when it is not meant.

    Args:
        asking: what is about to happen.
        who: the name it is done under.
        glyphs: the signs to use.
    """

    DEFAULT_CSS = """
    AskScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 94%;
            padding: 1 2;
            background: $surface;
            border: round $panel;
            & > Pane { height: auto; padding: 0; background: $surface; }
            & > Input, & > Input:focus {
                height: 1; border: none; padding: 0 1; background: $panel; background-tint: $panel 0%;
            }
        }
        &.-sure Input { display: none; }
        &.-ascii > Vertical { border: ascii $panel; }
        &.-ascii Pane { scrollbar-size-vertical: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False, priority=True)]

    def __init__(self, asking: Asking, who: str, glyphs: Glyphs) -> None:
        super().__init__(classes="-ascii" if glyphs is ASCII else None)
        self._asking = asking
        self._who = who
        self._reason = ""
        self._pane = Pane()
        self._input = Input(placeholder="why")

    def compose(self) -> ComposeResult:
        """Show what will happen, and where to type."""
        with Vertical():
            yield self._pane
            yield self._input

    def on_mount(self) -> None:
        """Ask for the reason, or at once whether it is meant."""
        if self._asking.wants_reason:
            self._tell(())
            self._input.focus()
        else:
            self._confirm()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the reason, if there is one."""
        event.stop()
        self._reason = event.value.strip()
        if self._reason:
            self._confirm()
        else:
            self._tell((Piece("a reason is needed: it stands in the log", Role.ATTENTION),))

    def on_key(self, event: Key) -> None:
        """Take the answer: `y` means it, every other key does not."""
        if self.has_class("-sure"):
            event.stop()
            self.dismiss(self._reason if event.key == "y" else None)

    def action_cancel(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)

    def _confirm(self) -> None:
        self.add_class("-sure")
        self.set_focus(None)
        reason: Line = (Piece("because ", Role.MUTED), Piece(clean(self._reason[:WIDTH]))) if self._reason else ()
        self._tell(reason, (Piece("Really? ", Role.STRONG), Piece("y", Role.RUNNING), Piece(" / N", Role.MUTED)))

    def _tell(self, *more: Line) -> None:
        title: Line = (
            Piece(clean(self._asking.title), Role.STRONG),
            Piece(clean(f"  as {self._who}"), Role.MUTED),
        )
        self._pane.show([title, *self._asking.told, BLANK, *(line for line in more if line)])
