"""The terminal UI of one workspace: modes over one session, looked at four times a second.

2  Transfers   what moves, what waits for somebody, what is over
3  Decisions   what policy decided and why, beside the policies that made it so
4  Policies    what decides, what waits to, and what it would change
5  Audit       every row of the log, its proof checked here against the newest checkpoint
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from engine.events import Clock, system_clock
from engine.workspace.views import WorkspaceView
from tui.screens.ask import AskScreen
from tui.screens.audit import AuditScreen
from tui.screens.decisions import DecisionsScreen
from tui.screens.help import HelpScreen
from tui.screens.mode import ModeScreen
from tui.screens.policies import PoliciesScreen
from tui.screens.story import StoryScreen
from tui.screens.transfers import TransfersScreen
from tui.state.session import LOOKS_PER_SECOND, Session
from tui.theme import NIGHT


def run(home: Path, who: str | None = None) -> int:
    """Show the workspace in `home` until the user leaves.

    Args:
        home: the workspace folder.
        who: the name that things are done under; without one the screens only watch.

    Returns:
        The exit code of the command.

    Raises:
        WorkspaceError: `home` is not a workspace.
    """
    app = LadingApp(home, system_clock, os.environ, who)
    app.run()
    return app.return_code or 0


class LadingApp(App[None]):
    """Owns the session, switches modes and looks at the workspace.

    Args:
        home: the workspace folder.
        clock: the time that ages and speeds are told by.
        environ: `NO_COLOR` and `LADING_ASCII` choose the signs.
        who: the name that things are done under.
    """

    TITLE = "lading"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("2", "mode('transfers')", "Transfers"),
        Binding("3", "mode('decisions')", "Decisions"),
        Binding("4", "mode('policies')", "Policies"),
        Binding("5", "mode('audit')", "Audit"),
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, home: Path, clock: Clock, environ: Mapping[str, str], who: str | None = None) -> None:
        self.session = Session(WorkspaceView(home), clock, environ, who)
        super().__init__()
        self.register_theme(NIGHT)
        self.theme = NIGHT.name
        self.add_mode("transfers", lambda: TransfersScreen(self.session))
        self.add_mode("decisions", lambda: DecisionsScreen(self.session))
        self.add_mode("policies", lambda: PoliciesScreen(self.session))
        self.add_mode("audit", lambda: AuditScreen(self.session))

    def on_mount(self) -> None:
        """Look once, show the transfers, and go on looking."""
        self.session.look()
        self.switch_mode("transfers")
        self.set_interval(1 / LOOKS_PER_SECOND, self.look)

    def on_unmount(self) -> None:
        """Let go of the databases."""
        self.session.close()

    def look(self) -> None:
        """Take a new look at the workspace and show it in the present mode."""
        self.session.look()
        for mode in self.screen_stack[:1]:  # none while the app closes
            if isinstance(mode, ModeScreen) and mode.is_mounted:
                mode.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the other modes only, and nothing of the sort while the help, a question or a story is open."""
        if action == "mode":
            return self.current_mode not in parameters and not isinstance(
                self.screen, HelpScreen | AskScreen | StoryScreen
            )
        return super().check_action(action, parameters)

    async def action_mode(self, mode: str) -> None:
        """Switch to another mode; the next key is for that one."""
        await self.switch_mode(mode)

    def action_help(self) -> None:
        """Show what the keys do."""
        self.push_screen(HelpScreen(self.session.glyphs))
