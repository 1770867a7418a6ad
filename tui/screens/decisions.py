"""Mode 3: what policy decided and why, each decision beside the policy that made it."""

import sqlite3
from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.worker import Worker, get_current_worker

from engine.errors import LadingError
from engine.workspace.governing.decision_view import DecisionView
from engine.workspace.governing.policy_view import PolicyPlace
from engine.workspace.log.view import CheckedRow, LogRow
from tui.screens.mode import ModeScreen
from tui.state.decision_detail import facts, sources, why
from tui.state.docket import fields
from tui.state.excerpt import Page
from tui.state.line import BLANK, Line
from tui.state.session import Session
from tui.state.text_filter import TextFilter
from tui.widgets.decision_table import DecisionTable
from tui.widgets.pane import Pane
from tui.widgets.table import Table


class DecisionsScreen(ModeScreen):
    """A table of decisions, the why-tree of one and its policies; following keeps the cursor on the newest.

    On a wide terminal tree and policies stand beside each other below the table, on a narrow one below each other.
    """

    DEFAULT_CSS = """
    DecisionsScreen {
        & #reading { height: 1fr; }
        & #source { display: none; }
        &.-wide #reading { height: 62%; border-top: solid $panel; }
        &.-wide #why { width: 1fr; border-left: none; }
        &.-wide #source { display: block; width: 50%; border-left: solid $panel; }
        &.-wide.-ascii #reading { border-top: ascii $panel; }
        &.-wide.-ascii #source { border-left: ascii $panel; }
        &.-narrow #reading { display: none; }
        &.-narrow.-reading #reading { display: block; }
        &.-narrow.-reading #source { display: none; }
    }
    """
    STARTS_FOLLOWING = True

    class Checked(Message):
        """A worker checked proofs, when the log was at `version`."""

        def __init__(self, rows: list[CheckedRow], version: object) -> None:
            super().__init__()
            self.rows = rows
            self.version = version

    class Found(Message):
        """A worker looked through a stretch of the log, and these rows are decisions that match."""

        def __init__(self, wanted: TextFilter, indexes: list[int], seen: range) -> None:
            super().__init__()
            self.wanted = wanted
            self.indexes = indexes
            self.seen = seen

    _checking: Worker[None] | None = None
    _scanning: Worker[None] | None = None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.pane.id = "why"
        self._source = Pane(id="source")

    def make_table(self) -> Table:
        """Return the table of decisions."""
        return DecisionTable(self.session)

    def middle(self) -> ComposeResult:
        """Set the why-tree and the source below the table."""
        with Vertical():
            yield self.table
            with Horizontal(id="reading"):
                yield self.pane
                yield self._source

    def make_detail(self, width: int) -> Page:
        """Return the why-tree of the decision under the cursor, and its policies where they stand nowhere else."""
        decision = self._current()
        if decision is None:
            return Page([BLANK])
        glyphs, places = self.session.glyphs, self._places(decision)
        tree = Page(why(decision, places, width=width, glyphs=glyphs))
        if not self._source.display:
            tree += self._policies(decision, places, width)
        proof, now = self.session.ledger.proof(decision.row), self.session.clock()
        return tree + Page(list(facts(decision, proof, now, width=width, glyphs=glyphs)))

    def show_detail(self) -> None:
        """Make tree and source again."""
        super().show_detail()
        width, decision = self._source.room.width, self._current()
        if self._source.display and width:
            page = self._policies(decision, self._places(decision), width) if decision else Page([BLANK])
            self._source.show(page.lines, page.marked)

    def summary(self) -> Line:
        """Return how many decisions there are."""
        return self.session.docket.summary()

    def narrow(self, text: str) -> TextFilter:
        """Show only the decisions that match, as a worker finds them."""
        wanted = self.session.docket.narrow(text)
        if wanted.problem is None and self._scanning is not None:
            self._scanning.cancel()
            self._scanning = None
        return wanted

    def filter_text(self) -> str:
        """Return the filter in force."""
        return self.session.docket.filter.text

    def copied(self) -> str | None:
        """Return the record of the decision under the cursor: canonical JSON."""
        decision = self._current()
        return None if decision is None else decision.record or decision.row.leaf.decode("utf-8", "replace")

    def news(self) -> int | None:
        """Return the position of the newest decision."""
        return 0

    def look(self) -> None:
        """Show what the session knows now, and set workers on what it does not know yet."""
        super().look()
        self._start_checking()
        self._start_scanning()

    def on_table_scrolled(self) -> None:
        """Check the rows that came into view."""
        self._start_checking()

    def on_decisions_screen_checked(self, message: Checked) -> None:
        """Show what a worker found out about proofs."""
        self.session.ledger.add_checked(message.rows, message.version)
        self._checking = None
        super().look()

    def on_decisions_screen_found(self, message: Found) -> None:
        """Show what a worker found, and let it look on."""
        self.session.docket.add_found(message.wanted, message.indexes, message.seen)
        self._scanning = None
        self.look()

    @property
    def busy(self) -> bool:
        """True while something is to be found, or to be checked of what is in view."""
        return bool(self.session.docket.to_scan or self._unchecked())

    def _unchecked(self) -> list[LogRow]:
        docket = self.session.docket
        decisions = [docket.decision(at) for at in {self.table.cursor, *self.table.in_view}]
        return self.session.ledger.stale(each.row for each in decisions if each)

    def _start_checking(self) -> None:
        rows = self._unchecked()
        if rows and (self._checking is None or self._checking.is_finished):
            work = partial(self._check, rows, self.session.ledger.version)
            self._checking = self.run_worker(work, thread=True, group="proofs")

    def _start_scanning(self) -> None:
        docket = self.session.docket
        if docket.to_scan and (self._scanning is None or self._scanning.is_finished):
            work = partial(self._scan, docket.filter, docket.to_scan)
            self._scanning = self.run_worker(work, thread=True, group="scan")

    def _check(self, rows: list[LogRow], version: object) -> None:
        """Run in a thread: check proofs."""
        try:
            checked = self.session.view.log.check(rows)
        except LadingError:
            return  # the next look says why the log cannot be read
        self.post_message(self.Checked(checked, version))

    def _scan(self, wanted: TextFilter, stretch: range) -> None:
        """Run in a thread: look for decisions; those that a filter wants have to be read for it."""
        worker, view = get_current_worker(), self.session.view.decisions
        try:
            if wanted.terms:
                found = [
                    decision.row.index
                    for decision in view.scan(stretch.start, len(stretch))
                    if wanted.holds(fields(decision))
                ]
            else:
                found = view.find(stretch.start, len(stretch))
        except LadingError:
            return  # as above
        if not worker.is_cancelled:
            self.post_message(self.Found(wanted, found, stretch))

    def _current(self) -> DecisionView | None:
        return self.session.docket.decision(self.table.cursor)

    def _places(self, decision: DecisionView) -> list[PolicyPlace | None]:
        try:
            return [self.session.view.policies.place(decision.bundle, each) for each in decision.policies]
        except sqlite3.Error:
            return [None for _ in decision.policies]

    def _policies(self, decision: DecisionView, places: Sequence[PolicyPlace | None], width: int) -> Page:
        return sources(decision, places, width=width, glyphs=self.session.glyphs)
