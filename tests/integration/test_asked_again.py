"""Policy is asked about a transfer again and again; the log says what came of it once, until something changes."""

import re
from pathlib import Path
from typing import Any

import pytest

from engine.gateway.loops import reauthorize
from engine.wire.messages import OfferMessage
from engine.wire.problem import ProblemError
from tests.integration.simulator import ACME, PartnerSimulator, Side

HERE = "127.0.0.1"


@pytest.fixture
def root(two: PartnerSimulator, tmp_path: Path) -> str:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return str(two.acme.ask("artifact.pack", path=str(folder), name="tiny", version="1")["root"])


def offers_of(two: PartnerSimulator) -> list[OfferMessage]:
    """Return a list into which every offer comes that reaches Borealis from now on."""
    seen: list[OfferMessage] = []
    answer = two.borealis.handlers.offer

    def offer(peer: str, message: OfferMessage, address: str) -> Any:
        seen.append(message)
        return answer(peer, message, address)

    two.borealis.handlers.offer = offer  # type: ignore[method-assign] # the line goes through it
    return seen


def decisions(side: Side, transfer: str) -> list[str]:
    return [kind for kind in side.log_of(transfer) if kind.startswith("decision.")]


def test_a_sender_that_asks_what_is_missing_does_not_fill_the_receivers_log(two: PartnerSimulator, root: str) -> None:
    transfer = two.break_off(root, chunks=0)
    for _ in range(20):
        two.borealis.handlers.missing(ACME, transfer)
        reauthorize(two.borealis.parts)
    two.borealis.restart()
    two.borealis.handlers.missing(ACME, transfer)

    assert decisions(two.borealis, transfer) == ["decision.permit"]
    assert two.send(root)["state"] == "completed"
    assert decisions(two.borealis, transfer) == ["decision.permit"]
    assert two.acme.ask("bill.create", transfer=transfer)["bill"]


def test_what_changed_is_recorded_and_what_it_stops_is_stopped(two: PartnerSimulator, root: str) -> None:
    transfer = two.break_off(root, chunks=0)
    directory = two.borealis.home / "directory.yaml"

    for roles in ("[service, receiver]", "[service]", "[]"):
        directory.write_text(re.sub(r"\[service.*\]", roles, directory.read_text()))
        for _ in range(2):
            reauthorize(two.borealis.parts)

    assert decisions(two.borealis, transfer) == ["decision.permit", "decision.permit", "decision.deny"]
    assert two.borealis.log_of(transfer)[-1] == "transfer.failed"


def test_an_offer_that_is_denied_again_names_the_decision_that_is_in_the_log(two: PartnerSimulator, root: str) -> None:
    settings = two.borealis.office.layout.settings
    settings.write_text(settings.read_text() + '\n[zones]\npartner = ["10.0.0.0/8"]\n')
    two.borealis.restart()
    offers = offers_of(two)
    sent = two.send(root)
    logged = two.borealis.log_of(sent["id"])

    named = set()
    for _ in range(5):
        with pytest.raises(ProblemError) as denial:
            two.borealis.handlers.offer(ACME, offers[0], HERE)
        named.add(denial.value.problem.decision)

    assert len(named) == 1
    assert two.borealis.log_of(sent["id"]) == logged
    assert decisions(two.borealis, sent["id"]) == ["decision.deny"]
