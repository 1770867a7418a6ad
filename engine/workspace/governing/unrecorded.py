"""Asking policy where no log can be appended to yet: what is to be recorded is returned, for the log that is opened."""

from collections.abc import Sequence
from pathlib import Path

from engine.database import migrate, open_engine
from engine.events import Clock, Event
from engine.policy.directory import load_directory
from engine.policy.judge import Judge
from engine.policy.mask import Mask
from engine.policy.model import Decision
from engine.policy.repeated import Logged
from engine.policy.rollout.active import ActivePolicies
from engine.policy.rollout.store import PolicyStore
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings


class _Kept:
    """Keeps events instead of recording them. Implements `engine.policy.judge.Records`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    def record_many(self, events: Sequence[Event]) -> None:
        """Keep several."""
        self.events += events

    def decisions(self, transfer: str, most: int) -> Sequence[Logged]:  # noqa: ARG002 - no transfer is asked about here
        """Return nothing: there is no log."""
        return ()


def ask_to_govern(home: Path, identity: str, clock: Clock) -> tuple[Decision, list[Event]]:
    """Ask the policies that decide whether somebody may govern; return the decision and the events that tell of it.

    INVARIANT: nothing comes of a permit before its events are durable in a log, or in what opens one.

    Raises:
        PolicyError: no policies decide, or they do not load.
        InputError: `directory.yaml` cannot be read.
    """
    layout = Layout(home)
    settings = load_settings(layout.settings)
    kept = _Kept()
    database = open_engine(layout.policy_database)
    try:
        migrate(database, "policy")
        active = ActivePolicies(PolicyStore(database, clock), Mask(settings.policy.mask))
        judge = Judge(active, lambda: load_directory(layout.directory, settings.organization.id), kept, clock)
        decision = judge.ask("govern" if judge.knows("govern") else "administer", identity)
    finally:
        database.dispose()
    return decision, kept.events
