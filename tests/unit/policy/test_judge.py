"""The judge: every answer is durable before anybody may act on it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from engine.errors import WorkspaceError
from engine.events import Event, Recorded
from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory
from engine.policy.engine import PolicyEngine
from engine.policy.judge import Judge

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Notebook:
    """A recorder that keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> Recorded:
        self.events.append(event)
        return Recorded(len(self.events) - 1, event.id, known=False)

    def record_many(self, events: Sequence[Event]) -> list[Recorded]:
        return [self.record(event) for event in events]

    def checkpoint(self) -> bytes:
        return b""


class FullDisk(Notebook):
    """A recorder whose disk is full."""

    def record(self, event: Event) -> Recorded:
        raise WorkspaceError(f"{event.type} cannot be written: the disk is full", remedy="Make room.")


@pytest.fixture
def administrator(acme: Directory) -> str:
    """Somebody who may administer Acme."""
    return next(member.identity for member in acme.members if "administrator" in member.roles)


def judge(starter: PolicyBundle, acme: Directory, notebook: Notebook) -> Judge:
    return Judge(PolicyEngine(starter), lambda: acme, notebook, lambda: NOW)


def test_a_permit_is_recorded_with_its_record_before_it_is_returned(
    starter: PolicyBundle, acme: Directory, administrator: str
) -> None:
    notebook = Notebook()

    decision = judge(starter, acme, notebook).ask("administer", administrator)

    [event] = notebook.events
    assert decision.permitted
    assert (event.type, event.decision, event.policy) == ("decision.permit", "permit", starter.digest)
    assert json.loads(str(event.payload["record"])) == json.loads(decision.record)


def test_a_denial_is_recorded_too_with_its_reasons(starter: PolicyBundle, acme: Directory) -> None:
    notebook = Notebook()

    decision = judge(starter, acme, notebook).ask("administer", "mallory@acme.example", about={"partner": "x.example"})

    [event] = notebook.events
    assert not decision.permitted
    assert event.type in {"decision.deny", "decision.failsafe"}
    assert event.payload["because"] == list(decision.because)
    assert event.partner == "x.example"


def test_without_a_log_there_is_no_permit(starter: PolicyBundle, acme: Directory, administrator: str) -> None:
    with pytest.raises(WorkspaceError, match="disk is full"):
        judge(starter, acme, FullDisk()).ask("administer", administrator)
