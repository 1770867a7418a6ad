"""An acceptance stands until its deadline: what is not there whole by then is ended, and can be sent anew."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.demo.model import make_model
from engine.errors import Interrupted
from engine.gateway import admission
from engine.gateway.loops import reauthorize
from engine.wire.problem import ProblemError
from tests.integration.link import Crash, at, broken
from tests.integration.simulator import ACME, PartnerSimulator

PAST = timedelta(days=7, minutes=1)
CAME = 3
"""How many chunks got through before the line broke."""
SOON = timedelta(seconds=3)
"""By so much the clock may go on and people still sign: their tokens must not be from the machine's future."""


@pytest.fixture
def root(two: PartnerSimulator, tmp_path: Path) -> str:
    source = make_model(tmp_path / "model", size=13 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name="tiny", version="1")["root"])


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acceptances stand for less than that."""
    monkeypatch.setattr(admission, "ACCEPTANCE_LIFE", timedelta(seconds=2))
    monkeypatch.setattr(admission, "SLOWEST_RATE", 1 << 40)


def round_of_the_loop(two: PartnerSimulator, transfer: str) -> None:
    reauthorize(two.borealis.parts)
    with pytest.raises(ProblemError) as refusal:
        two.borealis.handlers.missing(ACME, transfer)
    assert (refusal.value.problem.status, refusal.value.problem.codes) == (410, ("expired",))


def question(two: PartnerSimulator, transfer: str) -> None:
    with pytest.raises(ProblemError, match="The acceptance has expired"):
        two.borealis.handlers.missing(ACME, transfer)


def commit(two: PartnerSimulator, transfer: str) -> None:
    with pytest.raises(ProblemError, match="The acceptance has expired"):
        two.borealis.handlers.commit(ACME, transfer)


@pytest.mark.parametrize("found_by", [round_of_the_loop, question, commit])
def test_what_is_not_there_whole_by_the_deadline_is_ended(
    two: PartnerSimulator, root: str, found_by: Callable[[PartnerSimulator, str], None]
) -> None:
    transfer = two.break_off(root, chunks=CAME)
    held = two.borealis.journal.counts(transfer).chunks
    reauthorize(two.borealis.parts)
    two.clock.advance(PAST)

    found_by(two, transfer)
    for _ in range(3):
        reauthorize(two.borealis.parts)

    said = two.borealis.payload_of(transfer, "transfer.expired")
    deadline = two.borealis.payload_of(transfer, "transfer.accepted")["deadline"]
    row = two.borealis.office.incoming.find(transfer)
    assert held == CAME
    assert (said["deadline"], said["chunks"]) == (deadline, 9)
    assert row is not None
    assert (row.state, row.detail) == ("failed", f"not everything had come by {deadline}")
    assert two.borealis.journal.counts(transfer).chunks == 0
    assert two.borealis.payload_of(transfer, "transfer.reverted")["chunks"] == held
    assert "transfer.failed" not in two.borealis.log_of(transfer)


@pytest.mark.parametrize("found_by", [round_of_the_loop, question, commit])
def test_nothing_begins_and_nothing_is_delivered_while_what_came_of_another_transfer_is_discarded(
    two: PartnerSimulator,
    root: str,
    monkeypatch: pytest.MonkeyPatch,
    found_by: Callable[[PartnerSimulator, str], None],
) -> None:
    transfer, parts = two.break_off(root, chunks=CAME), two.borealis.parts
    discard, seen = parts.store.discard, []

    def watched(scope: Any, chunks: Any) -> None:
        seen.append(parts.deciding.locked())
        discard(scope, chunks)

    monkeypatch.setattr(parts.store, "discard", watched)
    two.clock.advance(PAST)
    found_by(two, transfer)

    assert seen == [True]


@pytest.mark.usefixtures("hasty")
def test_the_sender_learns_why_and_what_it_sends_anew_arrives(two: PartnerSimulator, root: str) -> None:
    transfer = two.break_off(root, chunks=CAME)
    two.clock.advance(SOON)

    ended = two.send(root)
    anew = two.send(root)

    assert (ended["id"], ended["state"]) == (transfer, "failed")
    assert "The acceptance has expired" in ended["detail"]
    assert '"expired"' in two.acme.payload_of(transfer, "transfer.refused")["said"]
    assert (anew["state"], anew["verdict"]) == ("completed", "released")
    assert anew["id"] != transfer


def test_a_chunk_that_comes_too_late_is_refused_with_the_reason(two: PartnerSimulator, root: str) -> None:
    def late() -> None:
        two.clock.advance(PAST)
        reauthorize(two.borealis.parts)

    two.link.before = at("chunk", 4, late)

    ended = two.send(root)

    assert ended["state"] == "failed"
    assert "The acceptance has expired" in ended["detail"]


@pytest.mark.usefixtures("hasty")
def test_what_came_whole_in_time_may_be_committed_later(two: PartnerSimulator, root: str) -> None:
    def lost() -> None:
        raise broken()

    two.link.before = at("commit", 1, lost)
    with pytest.raises(Interrupted):
        two.send(root, patience=0)
    two.clock.advance(SOON)
    reauthorize(two.borealis.parts)

    assert two.send(root)["state"] == "completed"


def test_a_large_artifact_has_more_time(two: PartnerSimulator, root: str) -> None:
    transfer = two.break_off(root, chunks=CAME)
    accepted: Any = two.borealis.payload_of(transfer, "transfer.accepted")
    left = datetime.fromisoformat(accepted["deadline"]) - two.clock()
    row = two.borealis.office.incoming.find(transfer)
    assert row is not None
    assert left > timedelta(days=7) + timedelta(seconds=row.bytes_total >> 20) - timedelta(seconds=5)


@pytest.mark.parametrize("write", range(1, 6))
def test_an_end_that_broke_off_is_finished_and_is_in_the_log_once(two: PartnerSimulator, root: str, write: int) -> None:
    transfer = two.break_off(root, chunks=CAME)
    two.clock.advance(PAST)
    doom = two.borealis.doom
    doom.writes.clear()
    doom.at = write
    try:
        reauthorize(two.borealis.parts)
    except Crash:
        doom.at = 0
        two.borealis.restart()

    round_of_the_loop(two, transfer)

    for kind in ("transfer.expired", "transfer.reverted"):
        assert two.borealis.log_of(transfer).count(kind) == 1
    assert two.borealis.journal.counts(transfer).chunks == 0
