"""A bill of lading is evidence only as it was issued: one changed byte, anywhere, and it is refused, saying where."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.custody.account import verify_bill
from engine.digest import canonical
from engine.errors import EvidenceError
from tests.unit.custody.handed import Handed, hand_over_against_odds, set_policy
from tests.unit.custody.spans import spans

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

    with pytest.raises(EvidenceError, match=r"the trust at hand lacks a party to the bill: 'acme\.example'"):
        verify_bill(BILL, tmp_path / "trust")


ORGS = ("acme.example", "borealis.example")
SIGNED = ("acceptance", "approval", "break-glass", "manifest", "model", "offer", "receipt", "verdict")
PARTS = (
    *("signature", "seal", "annexes.acme.example", "annexes.borealis.example"),
    *(f"bill.{name}" for name in ("absent", "agreement", "annexes", "artifact", "custody", "format", "issued")),
    *(f"bill.{name}" for name in ("issuer", "manifest", "receiver", "sender", "transfer", "trust")),
    *(f"bill.signatures.{name}" for name in (*SIGNED, *(f"agreement:{org}" for org in ORGS))),
    *(f"bill.logs.{org}" for org in ORGS),
)
"""Every named part of bills of version 2, of a transfer that rested on an approval and a ticket."""

NAMED = {
    "signature": "the bill's signature (does not hold|is unreadable)|its seal is over other content",
    "seal": "the bill's seal (does not hold|is unreadable)|its seal is over other content",
    "annexes": r"the annex of (acme|borealis)\.example is|it names annexes of|it says that it lacks the annexes of",
    "bill": "its signature is over another bill",
}
"""How the refusal of a changed byte names each part of the file."""

NAMED_SOONER = {
    "bill.absent": "it says that it lacks the annexes of",
    "bill.issuer": "its issuer",
    "bill.sender": "its issuer|it has log evidence of|it names annexes of|it says that it lacks the annexes of",
    "bill.receiver": "it has log evidence of",
    "bill.transfer": "the annex of .*, about tr-",
    "bill.annexes": "the annex of|it names annexes of|it says that it lacks the annexes of",
    **{f"bill.logs.{org}": "it has log evidence of" for org in ORGS},
}
"""How it names members of the bill that are compared before its signature is verified."""

MALFORMED = r"the bill's field [\w.:-]+|cannot be read: .*(byte \d+|char \d+|canonical form|twice)|a second way"
"""How it says of a file that is no bill any more which field it is, or where it stops being one."""


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over_against_odds(tmp_path_factory.mktemp("handed"))
    yield made
    made.two.close()


@pytest.fixture(scope="module")
def bills(handed: Handed) -> dict[str, bytes]:
    """Bills by the parts they have: one without the annex of the partner, and one with both annexes for the rest."""
    lacking = handed.made(annex="clear")
    set_policy(handed.two.borealis, 'annex = "partner"')
    whole = handed.made(annex="clear")
    assert {verify_bill(bill, handed.trust).verdict for bill in (lacking, whole)} == {"released"}
    return dict.fromkeys(spans(lacking), lacking) | dict.fromkeys(spans(whole), whole)


def refused(bill: bytes, part: str, place: int, change: int, trust: Path) -> None:
    """Hold that a changed byte of a part is refused, and that the refusal names the part."""
    changed = bytearray(bill)
    changed[place] ^= change

    with pytest.raises(EvidenceError) as told:
        verify_bill(bytes(changed), trust)

    says = (NAMED[part.split(".", maxsplit=1)[0]], NAMED_SOONER.get(part, MALFORMED), MALFORMED)
    assert re.search("|".join(says), str(told.value)), (part, place, change, str(told.value))


def test_the_parts_are_all_there_are(bills: dict[str, bytes]) -> None:
    assert set(bills) == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_byte_of_each_part_is_refused_and_the_part_named(
    handed: Handed, bills: dict[str, bytes], part: str
) -> None:
    bill = bills[part]
    start, end = spans(bill)[part]
    value = start + bill[start:end].index(b":") + 1

    for place in (start, start + 1, value, (value + end) // 2, end - 2, end - 1):
        for change in (0x01, 0x20, 0x80):
            refused(bill, part, place, change, handed.trust)


@pytest.mark.parametrize("part", PARTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_any_part_is_refused_and_the_part_named(
    handed: Handed, bills: dict[str, bytes], part: str, data: st.DataObject
) -> None:
    start, end = spans(bills[part])[part]

    refused(bills[part], part, data.draw(st.integers(start, end - 1)), data.draw(st.integers(1, 255)), handed.trust)
