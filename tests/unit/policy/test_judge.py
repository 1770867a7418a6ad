"""The judge: every answer is durable before anybody may act on it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.digest import JSON
from engine.errors import WorkspaceError
from engine.events import Event, Recorded
from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory, DirectoryFile
from engine.policy.engine import PolicyEngine
from engine.policy.judge import Judge
from engine.policy.model import Decision
from engine.policy.recorded import RecordedDecision

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Noted:
    """A recorded event as the log shows it; its payload may be erased."""

    public: Mapping[str, str]
    payload: Mapping[str, JSON] | None

    @classmethod
    def of(cls, event: Event) -> "Noted":
        public = {"partner": event.partner} if event.partner else {}
        erased = event.payload.get("erased", False)
        return cls(public, None if erased else {"actor": event.actor, **event.payload})


class Notebook:
    """A recorder that keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> Recorded:
        self.events.append(event)
        return Recorded(len(self.events) - 1, event.id, known=False)

    def record_many(self, events: Sequence[Event]) -> list[Recorded]:
        return [self.record(event) for event in events]

    def decisions(self, transfer: str, most: int) -> list[Noted]:
        about = [event for event in self.events if event.transfer == transfer and event.type.startswith("decision.")]
        return [Noted.of(event) for event in about[::-1][:most]]


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


TRANSFER = {"transfer": "tr-1", "partner": "borealis.example"}


class Circumstances:
    """Acme's judge on the move: time passes between any two questions, and everything else may change."""

    def __init__(self, bundle: PolicyBundle, directory: Directory) -> None:
        self.notebook, self.directory, self.now = Notebook(), directory, NOW
        self.decide_by(bundle)

    def _later(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def ask(self, who: str, action: str = "administer", **about: str) -> Decision:
        return self._judge.ask(action, who, about=TRANSFER | about)

    def decide_by(self, bundle: PolicyBundle, *shadows: PolicyBundle) -> None:
        self.desk = Desk(bundle, *shadows)
        self._judge = Judge(self.desk, lambda: self.directory, self.notebook, self._later)

    def recorded(self) -> list[str]:
        return [event.type for event in self.notebook.events]


@pytest.fixture
def moving(starter: PolicyBundle, acme: Directory) -> Circumstances:
    return Circumstances(starter, acme)


@pytest.fixture
def other(tmp_path: Path) -> PolicyBundle:
    """A bundle that decides alike and is another."""
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    changed = next(folder.glob("*.cedar"))
    changed.write_text(changed.read_text() + "\n// The same in other words.\n")
    return PolicyBundle.load(folder)


class TestAskedAgainAboutATransfer:
    def test_what_says_the_same_is_recorded_once_and_cited_as_it_was_recorded(
        self, moving: Circumstances, administrator: str
    ) -> None:
        first = moving.ask(administrator)
        again = [moving.ask(administrator) for _ in range(3)]
        assert {(each.id, each.record) for each in again} == {(first.id, first.record)}
        assert moving.recorded() == ["decision.permit"]

    def test_a_denial_that_differs_in_the_time_alone_is_recorded_once(self, moving: Circumstances) -> None:
        assert [moving.ask("mallory@acme.example").permitted for _ in range(3)] == [False] * 3
        assert len(moving.recorded()) == 1

    def test_another_answer_is_recorded_and_so_is_the_first_again(
        self, moving: Circumstances, administrator: str, acme: Directory
    ) -> None:
        moving.ask(administrator)
        moving.directory = Directory(acme.organization, DirectoryFile(format="lading/directory/v1"))
        moving.ask(administrator)
        moving.directory = acme
        moving.ask(administrator)
        assert moving.recorded() == ["decision.permit", "decision.failsafe", "decision.permit"]

    def test_another_bundle_is_recorded_though_it_decides_alike(
        self, moving: Circumstances, administrator: str, other: PolicyBundle
    ) -> None:
        moving.ask(administrator)
        moving.decide_by(other)
        moving.ask(administrator)
        moving.ask(administrator)
        policies = [event.policy for event in moving.notebook.events]
        assert policies == [policies[0], other.digest]

    @pytest.mark.parametrize(
        "about", [{"transfer": "tr-2"}, {"partner": "cirrus.example"}, {"actor": "olga@acme.example"}]
    )
    def test_what_is_about_something_else_is_recorded(
        self, moving: Circumstances, administrator: str, about: dict[str, str]
    ) -> None:
        moving.ask(administrator)
        moving.ask(administrator, **about)
        assert len(moving.recorded()) == 2

    def test_each_action_has_a_last_decision_of_its_own(self, moving: Circumstances, administrator: str) -> None:
        for _ in range(3):
            moving.ask(administrator)
            moving.ask(administrator, "govern")
        assert len(moving.recorded()) == 2

    def test_where_the_last_one_was_erased_it_is_recorded_again(
        self, moving: Circumstances, administrator: str
    ) -> None:
        moving.ask(administrator)
        [event] = moving.notebook.events
        moving.notebook.events = [replace(event, payload={"erased": True})]
        moving.ask(administrator)
        assert len(moving.recorded()) == 2

    def test_a_candidate_in_shadow_says_the_same_once_and_its_successor_is_heard(
        self, moving: Circumstances, administrator: str, starter: PolicyBundle, other: PolicyBundle
    ) -> None:
        moving.ask(administrator)
        for shadow in (other, other, starter, other):
            moving.decide_by(starter, shadow)
            moving.ask(administrator)
        assert moving.recorded() == ["decision.permit", "decision.shadow", "decision.shadow"]
