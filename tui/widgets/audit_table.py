"""The table over the whole audit log."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.state.audit_lines import Columns, heading, row_line
from tui.state.glyphs import Glyphs
from tui.state.ledger import Ledger
from tui.state.line import Line
from tui.widgets.table import Table


class AuditTable(Table):
    """Shows a ledger; it reads the pages it shows, and no others. `g` asks where to go instead of going up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "screen.jump", "Go to")]

    def __init__(self, ledger: Ledger, glyphs: Glyphs) -> None:
        super().__init__(glyphs, empty="no rows")
        self._ledger = ledger

    def count(self) -> int:
        """Return how many rows the filter lets through."""
        return len(self._ledger)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        return heading(Columns.of(width - 1, self._ledger.size))

    def line(self, position: int, width: int) -> Line:
        """Return the line of one row."""
        row = self._ledger.row(position)
        if row is None:
            return ()
        columns = Columns.of(width, self._ledger.size)
        return row_line(row, self._ledger.proof(row), columns, self.glyphs)
