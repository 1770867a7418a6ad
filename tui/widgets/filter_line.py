"""Where a filter, a place or a name is typed. It is there only while somebody types."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input
from textual.widgets.input import Selection


class Candidate(Protocol):
    """What could stand at the cursor: `text` in place of what stands there from `start` on."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def start(self) -> int:
        """Where the replaced word begins."""
        ...


Completer = Callable[[str, int], Sequence[Candidate]]


class FilterLine(Input):
    """An input of one line: enter uses it, esc leaves things as they were, tab completes where something can.

    Args:
        placeholder: what can be typed, shown while nothing is.
    """

    DEFAULT_CSS = """
    FilterLine, FilterLine:focus {
        display: none;
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        background-tint: $panel 0%;
    }
    FilterLine.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel"),
        Binding("enter", "submit", "Use"),
        Binding("tab", "complete", "Complete"),
    ]

    class Left(Message):
        """Nobody types any more, and things stay as they were."""

    class Offered(Message):
        """These could stand at the cursor."""

        def __init__(self, texts: tuple[str, ...]) -> None:
            super().__init__()
            self.texts = texts

    def __init__(self, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False)
        self._completer: Completer | None = None
        self._round: list[str] = []

    def open(self, text: str, completer: Completer | None = None) -> None:
        """Show the line with a text in it, and take the keys."""
        self._completer = completer
        self._round = []
        self.value = text
        self.cursor_position = len(text)
        self.add_class("-open")
        self.focus()
        self._offer()

    def propose(self, text: str) -> None:
        """Show the line with a text in it that typing replaces, and take the keys."""
        self.open(text)
        self.selection = Selection(0, len(text))

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("-open")

    def on_input_changed(self) -> None:
        """Say what could stand at the cursor now."""
        if self.has_class("-open") and self.value not in self._round:
            self._round = []
            self._offer()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to complete where something can."""
        if action == "complete":
            return self._completer is not None
        return super().check_action(action, parameters)

    def action_complete(self) -> None:
        """Put the next candidate where the cursor is; what was typed comes back after the last one."""
        if not self._round:
            self._round = [self.value, *(self._with(each) for each in self._candidates())]
        if len(self._round) == 2:  # noqa: PLR2004 - one candidate: it is meant, and what follows it comes next
            self.value, self._round = self._round[1], []
            self._offer()
        elif self.value in self._round:
            self.value = self._round[(self._round.index(self.value) + 1) % len(self._round)]
        self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        """Give up typing."""
        self.close()
        self.post_message(self.Left())

    def _with(self, candidate: Candidate) -> str:
        return self.value[: candidate.start] + candidate.text + self.value[self.cursor_position :]

    def _candidates(self) -> Sequence[Candidate]:
        return self._completer(self.value, self.cursor_position) if self._completer else ()

    def _offer(self) -> None:
        if self._completer is not None:
            self.post_message(self.Offered(tuple(each.text for each in self._candidates())))
