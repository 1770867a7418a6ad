"""Where a filter is typed. It is there only while somebody types."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """An input of one line: enter uses it, esc leaves the filter as it was."""

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
        Binding("enter", "submit", "Use filter"),
    ]

    class Left(Message):
        """Nobody types any more, and the filter stays as it was."""

    def open(self, text: str) -> None:
        """Show the line with the present filter in it, and take the keys."""
        self.value = text
        self.add_class("-open")
        self.focus()

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("-open")

    def action_leave(self) -> None:
        """Give up typing."""
        self.close()
        self.post_message(self.Left())
