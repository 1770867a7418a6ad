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
from engine.policy.recorded import RecordedDecision

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


class Desk:
    """Policies that decide, in shadow or not; and what was kept of the decisions."""

    def __init__(self, bundle: PolicyBundle, *shadows: PolicyBundle) -> None:
        self._engine = PolicyEngine(bundle)
        self._shadows = [PolicyEngine(each, "shadow") for each in shadows]
        self.slices: dict[str, bytes] = {}

    def engine(self) -> PolicyEngine:
        return self._engine

    def shadows(self) -> list[PolicyEngine]:
        return self._shadows

    def keep_slice(self, digest: str, body: bytes) -> None:
        self.slices[digest] = body


def judge(starter: PolicyBundle, acme: Directory, notebook: Notebook) -> Judge:
    return Judge(Desk(starter), lambda: acme, notebook, lambda: NOW)


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


def test_what_a_decision_rests_on_is_kept_so_that_it_can_be_decided_again(
    starter: PolicyBundle, acme: Directory, administrator: str
) -> None:
    desk, notebook = Desk(starter), Notebook()

    decision = Judge(desk, lambda: acme, notebook, lambda: NOW).ask("administer", administrator)

    [event] = notebook.events
    kept = RecordedDecision.read(decision.id, str(event.payload["record"]).encode(), desk.slices[decision.slice_digest])
    assert kept.lacks is None
    assert PolicyEngine(starter).decide(kept.request, kept.entities, kept.now).record == decision.record


def test_a_shadow_answers_beside_the_decision_and_nobody_can_take_it_for_one(
    starter: PolicyBundle, acme: Directory, administrator: str
) -> None:
    notebook = Notebook()

    decision = Judge(Desk(starter, starter), lambda: acme, notebook, lambda: NOW).ask("administer", administrator)

    binding, shadow = notebook.events
    assert binding.id != shadow.id
    assert (binding.type, shadow.type, shadow.decision) == ("decision.permit", "decision.shadow", None)
    assert json.loads(str(shadow.payload["record"]))["mode"] == "shadow"
    assert json.loads(decision.record)["mode"] == "enforce"


class Choosy(Notebook):
    """A recorder that takes no shadows."""

    def record_many(self, events: Sequence[Event]) -> list[Recorded]:
        raise WorkspaceError(f"{events[0].type} is too large", remedy="Shorten it.")


def test_a_shadow_that_cannot_be_recorded_stops_no_decision(
    starter: PolicyBundle, acme: Directory, administrator: str
) -> None:
    notebook = Choosy()

    decision = Judge(Desk(starter, starter), lambda: acme, notebook, lambda: NOW).ask("administer", administrator)

    assert decision.permitted
    assert [event.type for event in notebook.events] == ["decision.permit"]
