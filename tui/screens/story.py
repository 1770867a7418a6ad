"""The custody story of one artifact, over the mode that asked for it."""

import json
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen

from engine.errors import LadingError
from engine.workspace.acting import act
from tui.state.glyphs import ASCII
from tui.state.line import BLANK, Line, Piece, Role, clean, wrap
from tui.state.outcome import denial
from tui.state.session import Session
from tui.state.story_lines import told
from tui.widgets.pane import Pane


class StoryScreen(ModalScreen[None]):
    """A box with the story; the workspace's owner tells it, verifies every signature in it, and asks policy first.

    Args:
        session: the workspace and the signs.
        who: the name it is asked for under.
        ref: root digest of the artifact.
        label: what people call it.
    """

    DEFAULT_CSS = """
    StoryScreen {
        align: center middle;
        background: $background 60%;
        & > Pane {
            width: 120;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 0 1;
            background: $surface;
            border: round $panel;
        }
        &.-ascii > Pane { border: ascii $panel; scrollbar-size-vertical: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c,enter,q", "dismiss", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    class Told(Message):
        """A worker was told the story, or why not."""

        def __init__(self, story: dict[str, Any] | None, refused: str) -> None:
            super().__init__()
            self.story = story
            self.refused = refused

    def __init__(self, session: Session, who: str, ref: str, label: str) -> None:
        super().__init__(classes="-ascii" if session.glyphs is ASCII else None)
        self._session = session
        self._who = who
        self._ref = ref
        self._label = label
        self._pane = Pane()
        self._told: StoryScreen.Told | None = None

    @property
    def busy(self) -> bool:
        """True while it is being told."""
        return self._told is None

    def compose(self) -> ComposeResult:
        """Show the box."""
        yield self._pane

    def on_mount(self) -> None:
        """Ask for the story."""
        self._show()
        self.run_worker(self._ask, thread=True, group="story")

    def on_story_screen_told(self, message: Told) -> None:
        """Show what a worker was told."""
        self._told = message
        self._show()

    def on_pane_resized(self) -> None:
        """Make the lines again for their new width."""
        self._show()

    def action_copy(self) -> None:
        """Copy the story as JSON, with every digest whole."""
        if self._told is not None and self._told.story is not None:
            self.app.copy_to_clipboard(json.dumps(self._told.story, indent=2, ensure_ascii=False))

    def _show(self) -> None:
        width = self._pane.room.width
        if width:
            self._pane.show(self._lines(width))

    def _lines(self, width: int) -> list[Line]:
        answer = self._told
        if answer is None:
            return self._titled("every signature is being verified", Role.RUNNING, width)
        if answer.story is None:
            return self._titled(answer.refused, Role.BAD, width)
        return told(answer.story, width=width, glyphs=self._session.glyphs)

    def _titled(self, text: str, role: Role, width: int) -> list[Line]:
        return [(Piece(clean(self._label), Role.STRONG),), BLANK, *((Piece(line, role),) for line in wrap(text, width))]

    def _ask(self) -> None:
        """Run in a thread: have the owner tell the story."""
        self.post_message(self._answer())

    def _answer(self) -> Told:
        home = self._session.view.layout.home
        try:
            story = act(home, "custody.story", {"ref": self._ref}, who=self._who, on_progress=lambda _: None)
        except LadingError as error:
            return self.Told(None, f"{error}  {error.remedy}")
        except Exception as error:  # noqa: BLE001 - a defect of an operation must not end the screen
            return self.Told(None, f"lading failed inside: {type(error).__name__}: {error}")
        denied = denial(story)
        return self.Told(None, denied) if denied else self.Told(story, "")
