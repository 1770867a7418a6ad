"""The base of every widget here: it paints lines of text with roles, one strip at a time (Textual's Line API)."""

from collections.abc import Mapping
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.state.line import Line, Role


class Painted(ScrollView):
    """Knows the colour of each role. Subclasses say what stands in a line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in Role} | {"role--cursor", "role--heading"}
    DEFAULT_CSS = """
    Painted {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-color: $panel;
        & > .role--plain { color: $foreground; }
        & > .role--strong { color: $text; text-style: bold; }
        & > .role--muted { color: $muted; }
        & > .role--good { color: $success; }
        & > .role--bad { color: $error; text-style: bold; }
        & > .role--attention { color: $warning; }
        & > .role--running { color: $primary; }
        & > .role--keyword { color: $primary; text-style: bold; }
        & > .role--string { color: $string; }
        & > .role--annotation { color: $annotation; }
        & > .role--type { color: $type; }
        & > .role--heading { background: $surface; color: $muted; }
        & > .role--cursor { background: $panel; }
        &:nocolor > .role--bad { color: $text; text-style: bold; }
        &:nocolor > .role--attention { color: $text; text-style: bold; }
    }
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._styles: Mapping[str, Style] | None = None

    def notify_style_update(self) -> None:
        """Forget the colours when the theme changed."""
        super().notify_style_update()
        self._styles = None

    def ground(self, name: str) -> Style:
        """Return the background that a whole line stands on: `cursor`, `heading` or `plain`."""
        return Style(bgcolor=self._style(name).bgcolor)

    def paint(self, line: Line, width: int, ground: Style) -> Strip:
        """Turn a line into exactly `width` painted cells on a background."""
        segments = [Segment(piece.text, self._style(piece.role) + ground) for piece in line]
        return Strip(segments).crop_extend(0, width, self._style("plain") + ground)

    @property
    def room(self) -> Size:
        """The cells that lines can be painted on: without padding, without scrollbar."""
        return self.scrollable_content_region.size

    def lay_out(self, lines: int) -> None:
        """Say how many lines there are; another number paints everything again."""
        self.virtual_size = Size(self.room.width, lines)

    def _style(self, name: str) -> Style:
        if self._styles is None:
            self._styles = {key: self.get_component_rich_style(f"role--{key}") for key in (*Role, "cursor", "heading")}
        return self._styles[name]
