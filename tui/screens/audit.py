"""Mode 5: the whole audit log, the proof of every visible row checked here against the newest checkpoint."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input
from textual.worker import Worker, get_current_worker

from engine.errors import LadingError, refused_by_system
from engine.files import check_place
from engine.text import counted
from engine.workspace.log.view import CheckedRow, LogFilter, LogRow
from tui.screens.mode import ModeScreen
from tui.state.audit_detail import detail
from tui.state.excerpt import Page
from tui.state.ledger import fields
from tui.state.line import BLANK, Line, Role
from tui.widgets.audit_table import AuditTable
from tui.widgets.filter_line import FilterLine
from tui.widgets.table import Table

SCAN_ROWS = 16_384
OFFERED = 12
"""How many candidates are shown of what could be typed next."""


class AuditScreen(ModeScreen):
    """A table of log rows; following keeps the cursor on the newest. Slow work is done in threads."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("v", "verify", "Verify"), Binding("e", "export", "Export")]
    STARTS_FOLLOWING = True

    class Checked(Message):
        """A worker checked proofs, when the log was at `version`."""

        def __init__(self, rows: list[CheckedRow], version: object) -> None:
            super().__init__()
            self.rows = rows
            self.version = version

    class Found(Message):
        """A worker looked at all rows before `scanned`, and these indexes match."""

        def __init__(self, wanted: LogFilter, indexes: list[int], scanned: int) -> None:
            super().__init__()
            self.wanted = wanted
            self.indexes = indexes
            self.scanned = scanned

    class Exported(Message):
        """A worker exported what the filter lets through, or could not; `text` says it."""

        def __init__(self, text: str, role: Role) -> None:
            super().__init__()
            self.text = text
            self.role = role

    _checking: Worker[None] | None = None
    _scanning: Worker[None] | None = None

    def make_table(self) -> Table:
        """Return the table of log rows."""
        return AuditTable(self.session.ledger, self.session.glyphs)

    def make_detail(self, width: int) -> Page:
        """Return the details of the row under the cursor."""
        row = self._current()
        if row is None:
            return Page([BLANK])
        try:
            evidence = self.session.view.log.evidence(row)
        except LadingError:
            return Page([BLANK])
        proof = self.session.ledger.proof(row)
        age = self.session.checkpoint_age
        return Page(detail(row, proof, evidence, age=age, width=width, glyphs=self.session.glyphs))

    def make_filter_line(self) -> FilterLine:
        """Return where a filter is typed, and make the two other prompts of this mode."""
        self._jump_line = FilterLine("go to an entry or a time: 120, 2h, 2026-11-01, 2026-11-01T12:00Z")
        self._file_line = FilterLine("a file for the rows shown, with their proofs: .jsonl .csv .ocsf .json")
        return FilterLine('type:decision.deny since:2h (partner:… or actor:…) "words" -not')

    def prompts(self) -> ComposeResult:
        """Arrange what is typed into."""
        yield from super().prompts()
        yield self._jump_line
        yield self._file_line

    def summary(self) -> Line:
        """Return how many rows there are, and what is known of the visible ones."""
        return self.session.ledger.summary(self.table.in_view, self.session.glyphs)

    def narrow(self, text: str) -> LogFilter:
        """Show only the rows that match, as a worker finds them."""
        wanted = self.session.ledger.narrow(text)
        if wanted.problem is None and self._scanning is not None:
            self._scanning.cancel()
            self._scanning = None
        return wanted

    def filter_text(self) -> str:
        """Return the filter in force."""
        return self.session.ledger.filter.text

    def copied(self) -> str | None:
        """Return the leaf under the cursor: canonical JSON, the bytes that the proof is about."""
        row = self._current()
        return None if row is None else row.leaf.decode("utf-8", "replace") or json.dumps(fields(row))

    @property
    def in_question(self) -> set[int]:
        """The positions whose proofs matter now: those in view, and the one whose details may cover the table."""
        return {self.table.cursor, *self.table.in_view} if len(self.session.ledger) else set()

    def news(self) -> int | None:
        """Return the position of the newest row."""
        return len(self.session.ledger) - 1

    def look(self) -> None:
        """Show what the session knows now, and set workers on what it does not know yet."""
        super().look()
        self._start_checking()
        self._start_scanning()

    def on_table_scrolled(self) -> None:
        """Check the rows that came into view."""
        self._start_checking()

    def on_audit_screen_checked(self, message: Checked) -> None:
        """Show what a worker found out about proofs."""
        self.session.ledger.add_checked(message.rows, message.version)
        self._checking = None
        super().look()

    def on_audit_screen_found(self, message: Found) -> None:
        """Show what a worker found for the filter."""
        self.session.ledger.add_found(message.wanted, message.indexes, message.scanned)
        self.look()

    def on_audit_screen_exported(self, message: Exported) -> None:
        """Say how an export came out."""
        self.tell(message.text, message.role)

    def on_filter_line_offered(self, message: FilterLine.Offered) -> None:
        """Show what could be typed next."""
        self.tell("  ".join(message.texts[:OFFERED]), Role.MUTED)

    def use(self, prompt: Input, text: str) -> None:
        """Go where it was said, export to the file that was named, or use the filter."""
        if prompt is self._jump_line:
            self._jump(text)
        elif prompt is self._file_line:
            self._export_to(text.strip())
        else:
            super().use(prompt, text)

    def action_filter(self) -> None:
        """Type a filter, completed by what the log holds."""
        self._filter_line.open(self.filter_text(), self.session.view.log.completer())

    def action_jump(self) -> None:
        """Ask for an entry or a time to go to."""
        self._jump_line.open("")

    def action_export(self) -> None:
        """Ask for a file to export to."""
        self._file_line.propose(f"audit-{self.session.ledger.size}.jsonl")

    def action_verify(self) -> None:
        """Check the visible rows again, from the database."""
        self.session.ledger.forget(self.in_question)
        self.look()

    def _jump(self, text: str) -> None:
        ledger = self.session.ledger
        if not ledger.size:
            self.tell("the log has no entry yet", Role.ATTENTION)
            return
        try:
            index = self.session.view.log.locate(text)
        except LadingError as error:
            self.tell(str(error), Role.BAD)
            return
        self.following = False
        self.close_prompt()
        self.go(ledger.position(index))
        if index >= ledger.size:
            self.tell(f"the log ends at entry {ledger.size - 1:,}", Role.ATTENTION)

    def _export_to(self, name: str) -> None:
        output = Path(name).expanduser().absolute()
        if not name or output.is_file():
            self.tell("name a file that is not there yet", Role.BAD)
            return
        try:
            check_place(output)
        except LadingError as error:
            self.tell(f"{error}  {error.remedy}", Role.BAD)
            return
        self.close_prompt()
        self.tell(f"exporting to {output}", Role.RUNNING)
        self.run_worker(partial(self._export, self.filter_text(), output), thread=True, group="export")

    def _export(self, text: str, output: Path) -> None:
        """Run in a thread: export what the filter lets through."""
        try:
            count, key = self.session.view.log.export(text, output)
        except (LadingError, OSError) as error:
            shown = refused_by_system(error) if isinstance(error, OSError) else error
            self.post_message(self.Exported(f"nothing was exported: {shown}  {shown.remedy}", Role.BAD))
        else:
            check = shlex.join(["lading", "audit", "check-export", str(output), "--key", key])
            self.post_message(self.Exported(f"{counted(count, 'rows')} with proofs; check them: {check}", Role.GOOD))

    def _start_checking(self) -> None:
        rows = self.session.ledger.unchecked(self.in_question)
        if rows and (self._checking is None or self._checking.is_finished):
            work = partial(self._check, rows, self.session.ledger.version)
            self._checking = self.run_worker(work, thread=True, group="proofs")

    def _start_scanning(self) -> None:
        ledger = self.session.ledger
        if ledger.to_scan and (self._scanning is None or self._scanning.is_finished):
            work = partial(self._scan, ledger.filter, ledger.to_scan)
            self._scanning = self.run_worker(work, thread=True, group="scan")

    def _check(self, rows: list[LogRow], version: object) -> None:
        """Run in a thread: check proofs."""
        try:
            checked = self.session.view.log.check(rows)
        except LadingError:
            return  # the next look says why the log cannot be read
        self.post_message(self.Checked(checked, version))

    def _scan(self, wanted: LogFilter, indexes: range) -> None:
        """Run in a thread: look for what the filter wants."""
        worker = get_current_worker()
        for start in indexes[::SCAN_ROWS]:
            count = min(SCAN_ROWS, indexes.stop - start)
            try:
                found = self.session.view.log.find(wanted, start, start + count)
            except LadingError:
                return  # as above
            if worker.is_cancelled:
                return
            self.post_message(self.Found(wanted, found, start + count))

    def _current(self) -> LogRow | None:
        at = self.table.cursor
        return self.session.ledger.row(at) if 0 <= at < len(self.session.ledger) else None
