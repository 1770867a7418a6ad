"""Mode 4: the policies: what decides, what waits to, what it would change; propose, approve, activate, roll back."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.worker import Worker

from engine.errors import LadingError
from engine.workspace.acting import act
from engine.workspace.governing.policy_view import ActivationView, Change, PolicyFile
from tui.screens.ask import AskScreen
from tui.screens.mode import ModeScreen
from tui.state import asking
from tui.state.asking import Asking
from tui.state.excerpt import Page
from tui.state.line import BLANK, Line, Role
from tui.state.outcome import NOBODY, denial
from tui.state.policy_detail import detail
from tui.state.session import LOOKS_PER_SECOND, Session
from tui.state.text_filter import TextFilter
from tui.widgets.policy_table import PolicyTable
from tui.widgets.table import Table

ACTIONS: Final = {"p": "propose", "a": "approve", "x": "activate", "r": "roll_back", "w": "withdraw"}
"""What is done to policies, by its key."""


class PoliciesScreen(ModeScreen):
    """A table of candidates, activations and files; what is done to them is done by the workspace's owner.

    INVARIANT: the screen changes nothing by itself. It asks the engine, which asks policy and records the answer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, action.replace("_", " ").capitalize()) for key, action in ACTIONS.items()
    ]

    class Acted(Message):
        """A worker had something done, or was told why not."""

        def __init__(self, text: str, role: Role) -> None:
            super().__init__()
            self.text = text
            self.role = role

    _acting: Worker[None] | None = None
    _looks = 0

    def __init__(self, session: Session) -> None:
        self.rows = PolicyTable(session.desk)
        super().__init__(session)

    def make_table(self) -> Table:
        """Return the table of policies."""
        return self.rows

    def make_detail(self, width: int) -> Page:
        """Return the details of the row under the cursor."""
        row = self.rows.row
        if row is None:
            return Page([BLANK])
        return detail(row, self.session.desk, advisory=self.session.status.standing.advisory, width=width)

    def summary(self) -> Line:
        """Return what decides, and how many files differ from it."""
        return self.session.desk.summary

    def narrow(self, text: str) -> TextFilter:
        """Show only the rows that match."""
        return self.session.desk.narrow(text)

    def filter_text(self) -> str:
        """Return the filter in force."""
        return self.session.desk.filter.text

    def copied(self) -> str | None:
        """Return the text of the file under the cursor, or the digest of the bundle."""
        row = self.rows.row
        if row is None:
            return None
        return row.subject.body if isinstance(row.subject, PolicyFile) else row.subject.digest

    def news(self) -> int | None:
        """Return the position of what waits, or else decides."""
        return 0

    def look(self) -> None:
        """Show what the session knows now; the folder is looked at once a second."""
        if self._looks % LOOKS_PER_SECOND == 0:
            self.session.look_at_folder()
        self._looks += 1
        super().look()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done to policies as they stand."""
        if action == "propose":
            return self._proposable
        if action == "follow":
            return False
        makers: dict[str, Callable[[], Asking | None]] = {
            "approve": self._approval,
            "activate": self._activation,
            "withdraw": self._withdrawal,
            "roll_back": self._rollback,
        }
        return makers[action]() is not None if action in makers else super().check_action(action, parameters)

    def on_key(self, event: Key) -> None:
        """Say why a key can do nothing to policies as they stand; one that can goes on to its action."""
        action = ACTIONS.get(event.key)
        if action is not None and not self.busy and not self.check_action(action, ()):
            self.tell(NOBODY if self.session.who is None else asking.why_not(action, self.session.desk), Role.ATTENTION)

    def action_propose(self) -> None:
        """Propose what the folder holds."""
        self._ask(asking.propose(self.session.desk.folder.digest))

    def action_approve(self) -> None:
        """Approve the candidate under the cursor, or the only one that waits."""
        self._ask(self._approval())

    def action_activate(self) -> None:
        """Let the approved candidate decide."""
        self._ask(self._activation())

    def action_withdraw(self) -> None:
        """Take the proposal back, or turn it down."""
        self._ask(self._withdrawal())

    def action_roll_back(self) -> None:
        """Let the bundle under the cursor decide again, or the one that decided before this."""
        self._ask(self._rollback())

    def on_policies_screen_acted(self, message: Acted) -> None:
        """Say what came of it."""
        self._acting = None
        self.session.look()
        self.session.look_at_folder()
        self.look()
        self.tell(message.text, message.role)

    @property
    def busy(self) -> bool:
        """True while something is being done."""
        return self._acting is not None

    @property
    def _proposable(self) -> bool:
        desk = self.session.desk
        draft, active = desk.draft(), desk.standing.active
        changed = any(file.change is not Change.SAME for file in desk.folder.files)
        waits = draft is not None and draft.state in {"broken", "failing", "proposed", "approved"}
        return bool(active and desk.folder.digest != active.digest and changed and not waits)

    def _approval(self) -> Asking | None:
        desk = self.session.desk
        found = desk.choose(self.rows.row, "proposed")
        advisory = self.session.status.standing.advisory
        return asking.approve(found, desk.glyphs, advisory=advisory) if found else None

    def _activation(self) -> Asking | None:
        desk = self.session.desk
        found = desk.choose(self.rows.row, "approved")
        return asking.activate(found, desk.glyphs) if found else None

    def _withdrawal(self) -> Asking | None:
        desk, row = self.session.desk, self.rows.row
        found = desk.choose(row, "proposed") or desk.choose(row, "approved")
        return asking.withdraw(found) if found else None

    def _rollback(self) -> Asking | None:
        activations = self.session.desk.standing.activations
        chosen = self.rows.row.subject if self.rows.row else None
        past = [each for each in activations[1:] if each.digest != activations[0].digest]
        target = chosen if isinstance(chosen, ActivationView) and chosen in past else past[0] if past else None
        return asking.roll_back(target, activations[0]) if target else None

    def _ask(self, wanted: Asking | None) -> None:
        if wanted is None or self.busy:
            return
        who = self.session.who
        if who is None:
            self.tell(NOBODY, Role.ATTENTION)
            return
        self.app.push_screen(AskScreen(wanted, who, self.session.glyphs), partial(self._answered, wanted, who))

    def _answered(self, wanted: Asking, who: str, reason: str | None) -> None:
        if reason is None:
            self.tell("nothing was done", Role.MUTED)
            return
        params: dict[str, Any] = dict(wanted.params) | ({"reason": reason} if wanted.wants_reason else {})
        self.tell(wanted.doing, Role.RUNNING)
        self._acting = self.run_worker(partial(self._act, wanted, who, params), thread=True, group="acting")

    def _act(self, wanted: Asking, who: str, params: dict[str, Any]) -> None:
        """Run in a thread: have the owner do it."""
        home = self.session.view.layout.home
        try:
            result = act(home, wanted.operation, params, who=who, on_progress=lambda _: None)
        except LadingError as error:
            self.post_message(self.Acted(f"{error}  {error.remedy}", Role.BAD))
        except Exception as error:  # noqa: BLE001 - a defect of an operation must not end the screen
            self.post_message(self.Acted(f"lading failed inside: {type(error).__name__}: {error}", Role.BAD))
        else:
            denied = denial(result)
            done = self.Acted(denied, Role.BAD) if denied else self.Acted(wanted.done, Role.GOOD)
            self.post_message(done)
