"""Statements of onward transfer keep their bytes: others verify them with readers of their own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.custody.statements import CustodyLink, DecisionCited, Offer, OnwardTerms, Predicate
from engine.digest import canonical

GOLDEN = Path(__file__).parents[2] / "golden" / "custody"
MADE = datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC)
COMMON: dict[str, Any] = {
    "transfer": "tr-" + "5" * 24,
    "sender": "acme.example",
    "receiver": "borealis.example",
    "artifact": "a1" * 32,
    "agreement": "b2" * 32,
    "nonce": "c3" * 16,
    "issued": MADE,
    "checkpoint": "",
}
OFFER = Offer(
    **COMMON,
    own_checkpoint="",
    manifest="d4" * 32,
    chunks="e5" * 32,
    purpose="evaluation",
    impact="",
    requester="ada@acme.example",
    decision=DecisionCited(id="f6" * 16, decision="permit", policy="07" * 32),
    expires=MADE.replace(day=2),
    onward=OnwardTerms(
        purposes=("research", "evaluation"),
        actions=("view",),
        destinations=("US", "EU"),
        max_sensitivity="internal",
        effective=MADE.replace(year=2025),
        expires=MADE.replace(year=2027),
    ),
    custody="18" * 32,
)
LINK = CustodyLink(
    **COMMON,
    position=2,
    previous="18" * 32,
    offer="29" * 32,
    receipt="3a" * 32,
    verdict="4b" * 32,
    purpose="evaluation",
    licence="Apache-2.0",
    sealed_to="5c" * 16,
)


@pytest.mark.parametrize(
    ("name", "predicate"), [("onward-offer-statement", OFFER), ("custody-link-statement", LINK)], ids=str
)
def test_it_is_written_as_ever(name: str, predicate: Predicate) -> None:
    golden = (GOLDEN / f"{name}.json").read_bytes()

    assert predicate.statement() == golden
    assert canonical(json.loads(golden)) == golden


@pytest.mark.parametrize("field", ["previous", "licence"])
def test_what_does_not_apply_is_absent(field: str) -> None:
    said = json.loads(LINK.model_copy(update={field: None}).statement())["predicate"]

    assert field not in said
    assert None not in said.values()


def test_an_ordinary_offer_has_the_fields_it_always_had() -> None:
    plain = OFFER.model_copy(update={"onward": None, "custody": None})

    said = json.loads(plain.statement())["predicate"]

    assert {"onward", "custody"} & said.keys() == set()
