"""Statements of a handoff are bound to each other: none can be moved to another handoff, offer or organization."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.custody.answers import check_answer
from engine.custody.statements import (
    PREDICATE_TYPES,
    Acceptance,
    Answer,
    Approval,
    ApprovalV1,
    BreakGlass,
    DeliveryReceipt,
    Offer,
    Predicate,
    Verdict,
    fresh_nonce,
    fresh_transfer,
)
from engine.digest import canonical, sha256
from engine.errors import BadSignature
from engine.events import timestamp
from engine.signing import Signatory, Signed
from tests.unit.custody.conftest import ACME, ADA, BOREALIS, MADE, Handoff

OTHER = sha256(b"other")
KINDS = [Offer, Acceptance, DeliveryReceipt, Verdict, Approval, ApprovalV1, BreakGlass]
GOLDEN = Path(__file__).parents[2] / "golden" / "statements"
AUTHORIZED: dict[str, Any] = {
    "transfer": "tr-" + "5" * 24,
    "sender": ACME,
    "receiver": BOREALIS,
    "artifact": "a" * 64,
    "agreement": "b" * 64,
    "nonce": "c" * 32,
    "issued": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "checkpoint": "",
    "requester": ADA,
    "purpose": "evaluation",
    "policy": "e" * 64,
    "reason": "reviewed with legal",
    "expires": datetime(2026, 6, 1, 16, tzinfo=UTC),
}
BOUND: dict[str, Any] = {"action": "send", "plan": "d" * 64, "not_before": AUTHORIZED["issued"]}


def signed(payload: bytes) -> Signed:
    """A statement after its signature verified, with whatever its signer wrote."""
    statement = json.loads(payload)
    subject = statement["subject"][0]["digest"]["sha256"]
    return Signed(payload, statement, subject, Signatory(ADA, "https://oidc"), MADE, "https://log", 0, OTHER)


def rewritten(predicate: Predicate, **changes: Any) -> Signed:
    statement = json.loads(predicate.statement())
    statement["predicate"] |= changes
    return signed(canonical(statement))


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_reads_back_as_it_was_made(handoff: Handoff, kind: type[Predicate]) -> None:
    predicate = handoff.predicate(kind)

    assert kind.read(signed(predicate.statement())) == predicate
    assert predicate.predicate_type() == PREDICATE_TYPES[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_subject_of_every_statement_is_the_artifact(handoff: Handoff, kind: type[Predicate]) -> None:
    statement = json.loads(handoff.predicate(kind).statement())

    assert re.fullmatch(r"urn:lading:[a-z-]+:v[12]", statement["predicateType"])
    assert statement["subject"] == [
        {"digest": {"sha256": handoff.packed.manifest.root}, "name": statement["predicate"]["transfer"]}
    ]
    assert statement["predicate"]["issued"] == timestamp(MADE + timedelta(minutes=10))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("approval-v1", ApprovalV1(**AUTHORIZED)),
        ("approval-v2", Approval(**AUTHORIZED, **BOUND, waives=())),
        ("break-glass-v1", BreakGlass(**AUTHORIZED, **BOUND, waives=("empty-folder", "extra"), ticket="INC-17")),
    ],
)
def test_what_a_second_person_signs_is_these_very_bytes(name: str, made: Predicate) -> None:
    kept = (GOLDEN / f"{name}.json").read_bytes()

    assert made.statement() == kept
    assert type(made).read(signed(kept)) == made


def test_an_approval_of_one_version_never_reads_as_the_other() -> None:
    old, new = ((GOLDEN / f"approval-v{version}.json").read_bytes() for version in (1, 2))

    with pytest.raises(BadSignature, match="malformed"):
        Approval.read(signed(old))
    with pytest.raises(BadSignature, match="malformed"):
        ApprovalV1.read(signed(new))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, "surprise"),
        ({"nonce": "short"}, "nonce"),
        ({"artifact": "ABC"}, "artifact"),
        ({"sender": "no spaces"}, "sender"),
        ({"issued": "2021-03-01T09:10:00"}, "issued"),
        ({"checkpoint": "x" * 20_000}, "checkpoint"),
        ({"decision": {"id": "1", "decision": "deny", "policy": OTHER}}, "decision"),
        ({"purpose": "x" * 2001}, "purpose"),
    ],
)
def test_a_malformed_statement_is_refused_whoever_signed_it(
    handoff: Handoff, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadSignature, match=said) as refused:
        Offer.read(rewritten(handoff.predicate(Offer), **change))

    assert ADA in str(refused.value)


def test_a_statement_without_a_predicate_is_refused(handoff: Handoff) -> None:
    whole = signed(handoff.predicate(Offer).statement())
    whole.statement.pop("predicate")

    with pytest.raises(BadSignature, match="malformed"):
        Offer.read(whole)


def test_a_subject_that_is_not_the_artifact_is_refused(handoff: Handoff) -> None:
    with pytest.raises(BadSignature, match="one thing in its subject and another in its predicate"):
        Offer.read(rewritten(handoff.predicate(Offer), artifact=OTHER))


def test_a_moment_written_another_way_is_refused(handoff: Handoff) -> None:
    """The payload has one form: what two readers take for the same must be the same bytes."""
    with pytest.raises(BadSignature, match="one thing in its subject"):
        Offer.read(rewritten(handoff.predicate(Offer), issued="2021-03-01T10:10:00.000+01:00"))


@pytest.mark.parametrize("kind", [Acceptance, DeliveryReceipt, Verdict])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("transfer", "tr-" + "6" * 24),
        ("sender", "cygnus.example"),
        ("receiver", "cygnus.example"),
        ("artifact", OTHER),
        ("agreement", OTHER),
        ("offer", OTHER),
    ],
)
def test_an_answer_to_anything_else_does_not_answer_this_offer(
    handoff: Handoff, kind: type[Answer], field: str, value: str
) -> None:
    offer = handoff.predicate(Offer)

    with pytest.raises(BadSignature, match=f"is about {field} {value}, expected "):
        check_answer(handoff.predicate(kind, **{field: value}), offer, handoff.payloads["offer"])


@pytest.mark.parametrize("field", ["manifest", "chunks"])
def test_a_receipt_for_other_bytes_does_not_answer_this_offer(handoff: Handoff, field: str) -> None:
    receipt = handoff.predicate(DeliveryReceipt, **{field: OTHER})

    with pytest.raises(BadSignature, match=f"is about {field} "):
        check_answer(receipt, handoff.predicate(Offer), handoff.payloads["offer"])


@pytest.mark.parametrize("kind", [Acceptance, DeliveryReceipt, Verdict])
def test_an_answer_to_this_offer_passes(handoff: Handoff, kind: type[Answer]) -> None:
    check_answer(handoff.predicate(kind), handoff.predicate(Offer), handoff.payloads["offer"])


def test_the_same_offer_made_again_is_another_offer(handoff: Handoff) -> None:
    again = handoff.predicate(Offer, nonce="0" * 32)

    with pytest.raises(BadSignature, match="is about offer"):
        check_answer(handoff.predicate(Acceptance), again, again.statement())


def test_a_verified_signature_reads_as_its_statement(handoff: Handoff) -> None:
    bundle, kind = handoff.bundles["receipt"], DeliveryReceipt
    verified = handoff.acme.trust.organization_trust(BOREALIS).verify(bundle, predicate_type=kind.predicate_type())

    assert kind.read(verified).sender == ACME
    assert verified.signatory.identity == f"spiffe://{BOREALIS}/gateway"


def test_a_statement_of_one_type_never_passes_for_another(handoff: Handoff) -> None:
    trust = handoff.acme.trust.organization_trust(BOREALIS)

    with pytest.raises(BadSignature, match="predicateType"):
        trust.verify(handoff.bundles["receipt"], predicate_type=Verdict.predicate_type())


def test_nonces_and_transfers_are_never_the_same() -> None:
    assert len({fresh_nonce() for _ in range(100)}) == 100
    assert len({fresh_transfer() for _ in range(100)}) == 100
    assert re.fullmatch(r"tr-[0-9a-f]{24}", fresh_transfer())
