"""A partner cannot bury a transfer in entries of the other side's log: both sides get their bill of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.cli.bill import _account
from engine.custody import extract
from engine.custody.account import Account, verify_bill
from engine.gateway import offers
from engine.gateway.handlers import GatewayHandlers
from engine.gateway.loops import reauthorize
from engine.policy import judge
from engine.policy.facts import ArtifactFacts
from engine.transfer import steps
from engine.wire.messages import OfferMessage
from engine.wire.problem import ProblemError
from engine.workspace.custody.logs import cited_here
from engine.workspace.operations import Call
from engine.workspace.operations.transfers import transfer_parts
from tests.integration.simulator import ACME, BOREALIS, PartnerSimulator
from tests.unit.custody.handed import Handed, packed, sent, set_policy

ROUNDS, MOST = 30, 12


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[PartnerSimulator, str]]:
    """Acme and Borealis, and the root of a model that Acme packed; its first offer gets no chunk through."""
    simulator, root = packed(tmp_path)
    for side in (simulator.acme, simulator.borealis):
        set_policy(side, 'annex = "partner"')
    yield simulator, root
    simulator.close()


def test_a_bill_that_leaves_nothing_out_says_nothing_of_it(two: tuple[PartnerSimulator, str]) -> None:
    handed = sent(*two)

    assert "left_out" not in handed.made().decode()
    assert "left out" not in _account(told(handed, "acme").to_json())


def told(handed: Handed, issuer: str) -> Account:
    return verify_bill(handed.made(getattr(handed.two, issuer), annex="clear"), handed.trust)


@pytest.mark.parametrize("issuer", ["acme", "borealis"])
def test_a_transfer_that_an_earlier_release_buried_gets_a_bill(
    two: tuple[PartnerSimulator, str], issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST", MOST)
    with monkeypatch.context() as earlier:
        earlier.setattr(judge, "former", lambda *_: None)  # every decision was recorded
        two[0].break_off(two[1], chunks=0)
        for _ in range(ROUNDS):
            reauthorize(two[0].borealis.parts)
        handed = sent(*two)

    account = told(handed, issuer)

    logged = two[0].borealis.log_of(handed.transfer).count("decision.permit")
    decided = [each for each in account.decisions if each.organization == BOREALIS]
    assert logged > ROUNDS
    assert len(decided) < MOST
    assert [each.cited for each in decided].count(True) == 1
    assert account.left_out[BOREALIS] >= logged - len(decided)
    assert f"left out: {account.left_out[BOREALIS]} entries of the log of {BOREALIS}" in _account(account.to_json())
    assert {each.replay for each in account.decisions} == {"repeated"}
    assert set(account.annexes.values()) == {"opened"}


@pytest.mark.parametrize("issuer", ["acme", "borealis"])
def test_what_was_refused_of_another_artifact_under_the_same_id_is_no_part_of_the_handoff(
    two: tuple[PartnerSimulator, str], issuer: str
) -> None:
    transfer = two[0].break_off(two[1], chunks=0)
    parts = two[0].borealis.parts
    other = ArtifactFacts(
        root="5e" * 32, name="other", version="1", owner_org=ACME, sensitivity=3, quarantined=False, signed=False
    )
    about = {"transfer": transfer, "partner": ACME}
    assert not parts.judge.ask("receive", parts.identity, artifact=other, about=about).permitted

    account = told(sent(*two), issuer)

    assert {each.decision for each in account.decisions} == {"permit"}
    assert set(account.annexes.values()) == {"opened"}


def test_offers_that_are_refused_under_one_id_leave_few_entries(
    two: tuple[PartnerSimulator, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, root = two
    monkeypatch.setattr(offers, "MOST_BEFORE", 10)
    settings = simulator.borealis.office.layout.settings
    settings.write_text(settings.read_text() + '\n[zones]\npartner = ["10.0.0.0/8"]\n')
    simulator.borealis.restart()
    row = simulator.acme.office.outgoing.get(simulator.send(root)["id"])

    codes = [refused(simulator, signed_anew(simulator, row)) for _ in range(20)]

    assert codes[0] != ("offer-reused",)
    assert codes[-1] == ("offer-reused",)
    assert len(simulator.borealis.log_of(row.id)) <= 10 + 4


def test_an_offer_under_the_id_of_a_transfer_the_other_way_is_refused_and_leaves_nothing(
    two: tuple[PartnerSimulator, str],
) -> None:
    simulator, root = two
    transfer = simulator.break_off(root, chunks=0)
    kept = simulator.borealis.parts.table.document(transfer, "message") or b""
    size = simulator.borealis.office.log.size
    elsewhere = replace(simulator.borealis.parts, sent_to=lambda _: ACME, table=simulator.acme.parts.table)
    handlers = GatewayHandlers(elsewhere, lambda _: None, simulator.borealis.refusals)

    with pytest.raises(ProblemError) as refusal:
        handlers.offer(ACME, OfferMessage.parse(kept), "127.0.0.1")

    assert (refusal.value.problem.status, refusal.value.problem.codes) == (409, ("offer-reused",))
    assert simulator.borealis.office.log.size == size


def test_evidence_never_lacks_the_decision_that_a_statement_cites(
    two: tuple[PartnerSimulator, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "MOST", 0)
    with monkeypatch.context() as earlier:
        earlier.setattr(judge, "former", lambda *_: None)  # every decision was recorded
        two[0].break_off(two[1], chunks=0)
        for _ in range(4):
            reauthorize(two[0].borealis.parts)
        transfer = sent(*two).transfer
    for side, partner in ((two[0].acme, BOREALIS), (two[0].borealis, ACME)):
        cited = side.office.log.find(cited_here(side.office, transfer) or "")
        assert cited is not None
        assert (cited.type, cited.public["transfer"]) == ("decision.permit", transfer)
        assert cited.index in shown(side.handlers, partner, transfer)

    borealis = two[0].borealis
    third = [each for each in borealis.office.log.of_transfer(transfer) if each.type == "decision.permit"][2]
    assert third.index not in shown(borealis.handlers, ACME, transfer)
    citing = replace(borealis.parts, cited=lambda _: third.id)
    assert third.index in shown(GatewayHandlers(citing, lambda _: None, borealis.refusals), ACME, transfer)


def shown(handlers: GatewayHandlers, partner: str, transfer: str) -> set[int]:
    return {entry.index for entry in handlers.evidence(partner, transfer).entries}


def signed_anew(two: PartnerSimulator, row: Any) -> OfferMessage:
    """Sign another offer under the same id, as no sender of ours does."""
    parts = transfer_parts(two.acme.office, Call(None, {}, lambda _: None, two.acme.stop))
    return steps._message(parts, row, steps._sign_offer(parts, row))


def refused(two: PartnerSimulator, message: OfferMessage) -> tuple[str, ...]:
    with pytest.raises(ProblemError) as refusal:
        two.borealis.handlers.offer(ACME, message, "127.0.0.1")
    return refusal.value.problem.codes
