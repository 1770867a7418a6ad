"""A bill of lading is evidence only as it was issued: one changed byte, anywhere, and it is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.custody.account import verify_bill
from engine.digest import canonical
from engine.errors import EvidenceError

SAMPLES = Path(__file__).parents[2] / "samples"
BILL = (SAMPLES / "handoff.bill.json").read_bytes()


def test_the_sample_bill_verifies_from_pinned_trust_alone() -> None:
    account = verify_bill(BILL, SAMPLES / "trust")

    assert (account.sender, account.receiver) == ("acme.example", "borealis.example")
    assert (account.verdict, account.grade) == ("released", "bilateral")


@settings(max_examples=300)
@given(place=st.integers(0, len(BILL) - 1), change=st.integers(1, 255))
def test_any_changed_byte_is_refused(place: int, change: int) -> None:
    changed = bytearray(BILL)
    changed[place] ^= change

    with pytest.raises(EvidenceError):
        verify_bill(bytes(changed), SAMPLES / "trust")


@settings(max_examples=60)
@given(place=st.integers(0, len(BILL) - 1))
def test_a_lost_or_doubled_byte_is_refused(place: int) -> None:
    for changed in (BILL[:place] + BILL[place + 1 :], BILL[:place] + BILL[place : place + 1] + BILL[place:]):
        if changed != BILL:
            with pytest.raises(EvidenceError):
                verify_bill(changed, SAMPLES / "trust")


@pytest.mark.parametrize("field", ["issuer", "sender", "receiver", "artifact", "decision", "trust", "issued", "logs"])
def test_a_field_that_says_something_else_is_refused_even_in_canonical_form(field: str) -> None:
    file: dict[str, Any] = json.loads(BILL)
    bill = file["bill"]
    others = {
        "issuer": "borealis.example",
        "sender": "borealis.example",
        "receiver": "acme.example",
        "artifact": "0" * 64,
    }
    others |= {"decision": "{}", "issued": "2026-01-01T00:00:00.000Z"}
    bill[field] = others.get(field, {})

    with pytest.raises(EvidenceError):
        verify_bill(canonical(file), SAMPLES / "trust")


def test_trust_in_other_organizations_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()

    with pytest.raises(EvidenceError):
        verify_bill(BILL, tmp_path / "trust")
