"""The table of policies: candidates, what decides, files, and what decided before."""

from tui.state.desk import Desk, Row
from tui.state.line import Line
from tui.widgets.table import Table


class PolicyTable(Table):
    """Shows a desk; the cursor stays on its row when the order changes."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.glyphs, empty="no policies yet")
        self._desk = desk
        self._held: str | None = None

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._desk.shown[self.cursor] if self.cursor < self.count() else None

    def count(self) -> int:
        """Return how many rows are shown."""
        return len(self._desk.shown)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        return self._desk.heading(width)

    def line(self, position: int, width: int) -> Line:
        """Return one row."""
        return self._desk.line(position, width)

    def held(self) -> int | None:
        """Return where the line stands that the cursor came to."""
        return None if self._held is None else self._desk.position(self._held)

    def hold(self) -> None:
        """Remember the line that the cursor came to."""
        self._held = self.row.key if self.row else None
