"""Mode 2: the transfers of this organization, both ways, as they move."""

import json
import sqlite3
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.workspace.views import Transfer
from tui.screens.mode import ModeScreen
from tui.screens.story import StoryScreen
from tui.state.excerpt import Page
from tui.state.line import BLANK, Line, Role
from tui.state.outcome import NOBODY
from tui.state.text_filter import TextFilter
from tui.state.transfer_detail import detail
from tui.widgets.table import Table
from tui.widgets.transfer_table import TransferTable


class TransfersScreen(ModeScreen):
    """A table of transfers; following keeps the cursor on the one that changed last."""

    TITLE: ClassVar[str] = "Transfers"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "custody", "Custody")]

    def make_table(self) -> Table:
        """Return the table of transfers."""
        return TransferTable(self.session.board)

    def make_detail(self, width: int) -> Page:
        """Return the details of the transfer under the cursor."""
        transfer = self._current()
        if transfer is None:
            return Page([BLANK])
        board = self.session.board
        held, pace = self._held(transfer), board.pace(transfer)
        return Page(detail(transfer, held, pace, board.now, width=width, glyphs=board.glyphs))

    def summary(self) -> Line:
        """Return how many transfers there are."""
        return self.session.board.summary

    def narrow(self, text: str) -> TextFilter:
        """Show only the transfers that match."""
        return self.session.board.narrow(text)

    def filter_text(self) -> str:
        """Return the filter in force."""
        return self.session.board.filter.text

    def copied(self) -> str | None:
        """Return the transfer under the cursor as JSON."""
        transfer = self._current()
        if transfer is None:
            return None
        values = {name: getattr(transfer, name) for name in transfer.__slots__}
        return json.dumps(values, default=str, ensure_ascii=False)

    def news(self) -> int | None:
        """Return the position of the transfer that changed last."""
        shown = self.session.board.shown
        return max(range(len(shown)), key=lambda at: shown[at].updated, default=None)

    def action_custody(self) -> None:
        """Have the custody story of the artifact under the cursor told."""
        transfer, who = self._current(), self.session.who
        if who is None:
            self.tell(NOBODY, Role.ATTENTION)
            return
        if transfer is None:
            self.tell("no transfer stands under the cursor", Role.ATTENTION)
            return
        label = f"{transfer.name}:{transfer.version}"
        self.app.push_screen(StoryScreen(self.session, who, transfer.artifact, label))

    def _current(self) -> Transfer | None:
        shown, at = self.session.board.shown, self.table.cursor
        return shown[at] if at < len(shown) else None

    def _held(self, transfer: Transfer) -> tuple[bool, ...]:
        try:
            return self.session.view.transfers.held(transfer)
        except sqlite3.Error:
            return ()
