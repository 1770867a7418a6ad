"""Telling statements and entries: nothing is told as verified that was not, and what is gone is told as gone."""

import base64
import json
from typing import Any

import click
import pytest

from engine.audit.entry import Entry
from engine.cli.custody import told as worded
from engine.custody.statements import DeliveryReceipt, Verdict
from engine.custody.story import Decided, Proof, Story, claimed_type, decided, happened, told
from engine.digest import sha256
from tests.unit.custody.conftest import BOREALIS, TRANSFER, Handoff

GATEWAY = f"spiffe://{BOREALIS}/gateway"


def receipt(handoff: Handoff, **changes: Any) -> Any:
    asked: dict[str, Any] = {
        "bundle": handoff.bundles["receipt"],
        "kind": DeliveryReceipt,
        "trust": handoff.acme.trust.organization_trust(BOREALIS),
        "transfer": TRANSFER,
    }
    asked |= changes
    bundle = asked.pop("bundle")
    return told("receipt", BOREALIS, bundle, **asked)


def entry(index: int, kind: str, payload: dict[str, Any] | None, **public: str) -> Entry:
    leaf = {"actor": "0" * 32, "type": kind} | public
    return Entry(index, str(index), "2026-06-01T12:00:00.000Z", kind, b"", leaf, None, payload)


def story(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "artifact": "sentiment:1",
        "root": "0" * 64,
        "origin": "acme.example",
        "licence": None,
        "state": "packed",
        "held": {"folder": "/somewhere"},
        "signatures": (),
        "handoffs": (),
        "attestations": (),
        "happened": (),
        "problems": (),
    }
    return Story(**facts | changes).to_json()


def test_a_statement_that_verifies_is_told_with_its_signer(handoff: Handoff) -> None:
    said = receipt(handoff)

    assert (said.proof, said.signer, said.why) == (Proof.VERIFIED, GATEWAY, "")
    assert said.statement == sha256(handoff.payloads["receipt"])
    assert said.root
    assert said.log_index is not None


@pytest.mark.parametrize(
    ("changes", "proof", "why"),
    [
        ({"bundle": None}, Proof.WITHHELD, "it is not here"),
        ({"trust": None}, Proof.UNVERIFIED, "no trust of borealis.example is pinned"),
        ({"kind": Verdict}, Proof.UNVERIFIED, "predicateType"),
        ({"transfer": "tr-" + "6" * 24}, Proof.UNVERIFIED, "it is about something else"),
        ({"artifact": "0" * 64}, Proof.UNVERIFIED, "it is about something else"),
        ({"bundle": b"[]"}, Proof.UNVERIFIED, "receipt"),
        ({"bundle": b"no json"}, Proof.UNVERIFIED, "receipt"),
    ],
    ids=str,
)
def test_anything_else_is_told_with_the_reason_and_nobodys_name(
    handoff: Handoff, changes: dict[str, Any], proof: Proof, why: str
) -> None:
    said = receipt(handoff, **changes)

    assert (said.proof, said.signer, said.time) == (proof, None, None)
    assert why in said.why


@pytest.mark.parametrize("bundle", [b"", b"[]", b"{}", b'{"dsseEnvelope":{"payload":"W10="}}'])
def test_what_claims_no_type_has_none(bundle: bytes) -> None:
    assert claimed_type(bundle) == ""


def test_a_claimed_type_is_read_from_what_nobody_verified() -> None:
    payload = base64.b64encode(json.dumps({"predicateType": "https://x.example/v1"}).encode()).decode()

    assert claimed_type(json.dumps({"dsseEnvelope": {"payload": payload}}).encode()) == "https://x.example/v1"


def test_decisions_are_told_of_the_very_transfer_and_without_reasons_once_erased() -> None:
    entries = [
        entry(1, "decision.permit", {"action": "send", "because": ["send-own"]}, transfer="t", decision="permit"),
        entry(2, "decision.shadow", {"action": "send", "because": []}, transfer="t"),
        entry(3, "decision.deny", {"action": "send", "because": []}, transfer="u", decision="deny"),
        entry(4, "decision.deny", None, transfer="t", decision="deny"),
    ]

    time = "2026-06-01T12:00:00.000Z"
    assert decided(entries, "t") == (
        Decided(index=1, time=time, decision="permit", action="send", because=("send-own",)),
        Decided(index=4, time=time, decision="deny", action=None, because=None),
    )


def test_what_was_done_is_told_by_name_and_by_pseudonym_once_erased() -> None:
    entries = [
        entry(1, "artifact.viewed", {"actor": "ada@acme.example", "artifact": "x:1"}),
        entry(2, "artifact.copied", None),
        entry(3, "partner.added", {"actor": "ada@acme.example"}),
    ]

    seen, gone = happened(entries)

    assert (seen.actor, seen.details, seen.erased) == ("ada@acme.example", {"artifact": "x:1"}, False)
    assert (gone.actor, gone.details, gone.erased) == ("0" * 32, {}, True)


def test_no_name_steers_the_terminal() -> None:
    hostile = "evil\x1b[2J\u202etxt\nroot     forged"

    lines = click.unstyle(worded(story(artifact=hostile, licence=hostile, problems=(hostile,)))).splitlines()

    assert [line for line in lines if line.startswith("root ")] == [f"root     {'0' * 64}"]
    assert not any(char in "".join(lines) for char in "\x1b\u202e")


def test_long_words_stay_within_eighty_columns() -> None:
    assert max(map(len, click.unstyle(worded(story(origin="o" * 200, problems=("p" * 300,)))).splitlines())) <= 80
