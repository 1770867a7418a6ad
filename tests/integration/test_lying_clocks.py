"""Statements that are dated otherwise than they were made are not taken: no bill of lading could be made with them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.custody.answers import check_order
from engine.custody.statements import Offer
from engine.digest import canonical
from engine.errors import BadSignature, InputError
from engine.events import SKEW
from engine.gateway.offers import check_terms
from engine.signing.organization_trust import Signed
from engine.signing.sandbox.timestamps import TimestampService
from tests.integration.link import at
from tests.integration.simulator import ACME, BOREALIS, PartnerSimulator
from tests.integration.test_witnessing import packed

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def stamps(monkeypatch: pytest.MonkeyPatch, organization: str, later: timedelta) -> None:
    """Have the timestamp authority of an organization say another time than it is."""
    answer = TimestampService.answer

    def lie(service: TimestampService, request: bytes, now: datetime) -> bytes:
        whose = service._authority.chain[0].subject.rfc4514_string()
        return answer(service, request, now + later if organization in whose else now)

    monkeypatch.setattr(TimestampService, "answer", lie)


def test_an_acceptance_from_the_future_lets_nothing_go(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = packed(two, tmp_path)
    stamps(monkeypatch, BOREALIS, SKEW + timedelta(minutes=1))

    with pytest.raises(BadSignature, match="the statement is signed at"):
        two.send(root)

    assert two.acme.entries("transfer.accepted") == two.acme.entries("transfer.started") == []


def test_an_offer_from_the_future_is_refused(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = packed(two, tmp_path)
    stamps(monkeypatch, ACME, SKEW + timedelta(minutes=1))

    sent = two.send(root)

    assert (sent["state"], two.borealis.entries("transfer.accepted")) == ("failed", [])


def test_an_offer_from_outside_the_time_of_its_agreement_is_refused(two: PartnerSimulator, tmp_path: Path) -> None:
    transfer = two.send(packed(two, tmp_path))["id"]
    signed = json.loads(two.acme.office.outgoing.document(transfer, "offer") or b"")
    offer = Offer.read(two.acme.parts.trust(ACME).verify(canonical(signed), predicate_type=Offer.predicate_type()))
    _, standing = two.borealis.office.agreement(two.agreement)
    effective = standing.agreement.effective

    check_terms(offer.model_copy(update={"issued": effective}), standing)
    for outside in (effective - SECOND, standing.agreement.expires):
        with pytest.raises(InputError, match="its agreement binds from"):
            check_terms(offer.model_copy(update={"issued": outside}), standing)


def test_a_receipt_from_the_future_undoes_no_delivery(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.link.before = at("commit", 1, lambda: stamps(monkeypatch, BOREALIS, SKEW + timedelta(minutes=1)))

    sent = two.send(packed(two, tmp_path))

    assert sent["state"] == "completed"
    assert two.acme.office.outgoing.document(sent["id"], "receipt")


@pytest.mark.parametrize("whose", [ACME, BOREALIS])
def test_clocks_that_are_a_little_apart_keep_nobody_from_a_handoff_and_its_bill(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    root = packed(two, tmp_path)
    stamps(monkeypatch, whose, SKEW - timedelta(minutes=1))

    sent = two.send(root)

    assert sent["state"] == "completed"
    for side in (two.acme, two.borealis):
        assert side.ask("bill.create", transfer=sent["id"])["bill"]


@pytest.mark.parametrize(
    ("before", "signed", "holds"),
    [
        (NOON, NOON, True),
        (NOON, NOON - SKEW, True),
        (NOON, NOON - SKEW - SECOND, False),
        (NOON - 10 * SKEW, NOON + SKEW, True),
        (NOON - 10 * SKEW, NOON + SKEW + SECOND, False),
    ],
)
def test_a_statement_follows_the_one_before_as_far_as_clocks_agree(
    before: datetime, signed: datetime, *, holds: bool
) -> None:
    def at(time: datetime) -> Signed:
        return Signed(
            payload=b"",
            statement={},
            subject_sha256="",
            signatory=None,
            time=time,
            log="",
            log_index=0,
            root_fingerprint="",
        )  # type: ignore[arg-type]

    if holds:
        check_order(at(signed), at(before), NOON)
    else:
        with pytest.raises(BadSignature, match="expected a time from"):
            check_order(at(signed), at(before), NOON)
