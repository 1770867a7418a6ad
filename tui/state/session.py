"""One look after another at the workspace: what every screen shares, and the only place that asks for changes."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.errors import LadingError
from engine.events import Clock
from engine.text import counted
from engine.workspace.log.view import CheckpointView
from engine.workspace.views import Transfer, WorkspaceView
from tui.state import measures
from tui.state.board import Board
from tui.state.desk import Desk
from tui.state.docket import Docket
from tui.state.glyphs import Glyphs, glyphs_for
from tui.state.ledger import Ledger
from tui.state.status import Status

LOOKS_PER_SECOND: Final = 4


class Session:
    """The view models of one run, brought up to date four times a second.

    Attributes:
        view: the workspace.
        who: the name that things are done under; None while nobody is named.
        glyphs: the signs to use.
        board: the transfers.
        ledger: the audit log.
        docket: the recorded decisions.
        desk: the policies.
        checkpoint: the newest checkpoint, or None while there is no log.
        paused: True while transfers and log stay as they were seen last.
    """

    def __init__(self, view: WorkspaceView, clock: Clock, environ: Mapping[str, str], who: str | None = None) -> None:
        self.view = view
        self.who = who
        self.clock = clock
        self.glyphs: Glyphs = glyphs_for(environ)
        self.board = Board(self.glyphs)
        self.ledger = Ledger(view.log)
        self.docket = Docket(view.decisions)
        self.desk = Desk(self.glyphs)
        self.checkpoint: CheckpointView | None = None
        self.paused = False
        self._problems: dict[str, str] = {}
        self._standing = view.standing()
        self._looks = 0
        self._transfers: tuple[Transfer, ...] = ()
        self._seen: object = None
        self._log_seen: object = None
        self._policies_seen: object = None
        self._folder_seen: object = None
        self._reviews = (0, 0)

    def look(self) -> None:
        """Take a new look at everything.

        What cannot be read becomes a problem on the status line; the rest goes on.
        """
        now = self.clock()
        if self._looks % LOOKS_PER_SECOND == 0:
            self._standing = self.view.standing()
        self._looks += 1
        if not self.paused:
            self._look_at_transfers(now)
            self._look_at_log()
            self._look_at_policies(now)

    def look_at_folder(self) -> None:
        """Take a new look at the policy folder."""
        if self.paused:
            return
        version = (self._policies_seen, self.view.policies.folder_version())
        if version != self._folder_seen:
            try:
                self.desk.update(self.clock(), folder=self.view.policies.folder())
            except sqlite3.Error:
                return  # the status line says that the policies cannot be read
            self._folder_seen = version

    @property
    def status(self) -> Status:
        """What the top line says now."""
        return Status(
            standing=self._standing,
            checkpoint=self.checkpoint,
            broken=self.ledger.broken,
            problems=tuple(self._problems.values()),
            waiting=self._waiting(),
            paused=self.paused,
            now=self.clock(),
        )

    @property
    def checkpoint_age(self) -> str:
        """How old the newest checkpoint is, as `3s ago`; empty when nobody can tell."""
        time = self.checkpoint.time if self.checkpoint else None
        return measures.age(time, self.clock()) if time else ""

    def close(self) -> None:
        """Let go of the databases."""
        self.view.close()

    def _look_at_transfers(self, now: datetime) -> None:
        try:
            version = self.view.transfers.version()
            if version != self._seen:
                self._transfers = self.view.transfers.read()
                self._reviews = (self.view.transfers.break_glass("requested"), self.view.transfers.break_glass("used"))
                self._seen = version  # last: what could not be read is read again at the next look
            self.board.update(self._transfers, now)
        except (sqlite3.Error, OSError) as error:
            self._problems["transfers"] = f"transfers cannot be read: {error}"
        else:
            self._problems.pop("transfers", None)

    def _look_at_policies(self, now: datetime) -> None:
        try:
            version = self.view.policies.version()
            standing = self.view.policies.standing() if version != self._policies_seen else None
            self.desk.update(now, standing=standing)
            self._policies_seen = version
        except (sqlite3.Error, OSError) as error:
            self._problems["policies"] = f"policies cannot be read: {error}"
        else:
            self._problems.pop("policies", None)

    def _waiting(self) -> tuple[str, ...]:
        """Return what waits for a person and is seen in no other alarm."""
        standing = self.desk.standing
        due = (
            (len(standing.waiting), "candidates", "to approve"),
            (sum(each.state == "approved" for each in standing.candidates), "candidates", "to activate"),
            (self._reviews[0], "tickets", "to approve"),
            (self._reviews[1], "break-glass reviews", "open"),
            (self._standing.open_forks, "forks", "unresolved"),
            (self._standing.late_witnesses, "cosignatures", "overdue"),
        )
        return tuple(f"{counted(count, what)} {how}" for count, what, how in due if count)

    def _look_at_log(self) -> None:
        try:
            self.ledger.poll()
            if self.ledger.version != self._log_seen:
                self.checkpoint = self.view.log.checkpoint()
                self.docket.follow(self.ledger.size)
                self._log_seen = self.ledger.version  # last, as above
        except (OSError, LadingError) as error:
            self._problems["log"] = f"the log cannot be read: {error}"
        else:
            self._problems.pop("log", None)
