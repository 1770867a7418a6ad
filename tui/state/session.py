"""One look after another at the workspace: what every screen shares, and the only place that asks for changes."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.errors import LadingError
from engine.events import Clock
from engine.workspace.log_view import CheckpointView
from engine.workspace.views import Transfer, WorkspaceView
from tui.state.board import Board
from tui.state.docket import Docket
from tui.state.glyphs import Glyphs, glyphs_for
from tui.state.ledger import Ledger
from tui.state.status import Status

LOOKS_PER_SECOND: Final = 4


class Session:
    """The view models of one run, brought up to date four times a second.

    Attributes:
        view: the workspace.
        glyphs: the signs to use.
        board: the transfers.
        ledger: the audit log.
        docket: the recorded decisions.
        checkpoint: the newest checkpoint, or None while there is no log.
        paused: True while transfers and log stay as they were seen last.
    """

    def __init__(self, view: WorkspaceView, clock: Clock, environ: Mapping[str, str]) -> None:
        self.view = view
        self.clock = clock
        self.glyphs: Glyphs = glyphs_for(environ)
        self.board = Board(self.glyphs)
        self.ledger = Ledger(view.log)
        self.docket = Docket(view.decisions)
        self.checkpoint: CheckpointView | None = None
        self.paused = False
        self._problems: dict[str, str] = {}
        self._standing = view.standing()
        self._looks = 0
        self._transfers: tuple[Transfer, ...] = ()
        self._seen: object = None

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

    @property
    def status(self) -> Status:
        """What the top line says now."""
        return Status(
            standing=self._standing,
            checkpoint=self.checkpoint,
            broken=self.ledger.broken,
            problems=tuple(self._problems.values()),
            paused=self.paused,
            now=self.clock(),
        )

    def close(self) -> None:
        """Let go of the databases."""
        self.view.close()

    def _look_at_transfers(self, now: datetime) -> None:
        try:
            version = self.view.transfers.version()
            if version != self._seen:
                self._transfers, self._seen = self.view.transfers.read(), version
            self.board.update(self._transfers, now)
        except (sqlite3.Error, OSError) as error:
            self._problems["transfers"] = f"transfers cannot be read: {error}"
        else:
            self._problems.pop("transfers", None)

    def _look_at_log(self) -> None:
        try:
            if self.ledger.poll():
                self.checkpoint = self.view.log.checkpoint()
                self.docket.follow(self.ledger.size)
        except (OSError, LadingError) as error:
            self._problems["log"] = f"the log cannot be read: {error}"
        else:
            self._problems.pop("log", None)
