"""The bill of an onward handoff carries its chain of custody, and proves it to who has pinned trust and no more."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.custody.account import verify_bill
from engine.custody.bill import Bill, parse_bill, seal_bill
from engine.errors import EvidenceError
from engine.signing.trust_document import fingerprint
from engine.signing.trust_folder import TrustFolder
from tests.integration.chain import BOREALIS, CIRRUS, Chain
from tests.integration.simulator import ACME, Side

STRIDE = 61
"""Every so-and-so-manieth byte of the chain is changed."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    three = Chain(tmp_path_factory.mktemp("three"))
    yield three
    three.close()


@pytest.fixture(scope="module")
def transfer(chain: Chain) -> str:
    return str(chain.hand_on(chain.deliver("sentiment", licence="Apache-2.0"))["id"])


@pytest.fixture(scope="module")
def auditor(chain: Chain) -> Path:
    """A folder in which the trust of all three is pinned, and nothing else is."""
    folder = chain.folder / "auditor"
    for side in chain.sides:
        pin(folder, side)
    return folder


@pytest.fixture(scope="module")
def bill(chain: Chain, transfer: str) -> bytes:
    """The bill as Borealis, which handed it on, makes it."""
    return str(chain.borealis.ask("bill.create", transfer=transfer)["bill"]).encode()


def pin(folder: Path, side: Side) -> None:
    document = (side.home / "trust" / "own" / "trust.json").read_bytes()
    trust, now = TrustFolder(folder), side.clock()
    added = trust.add_pending(document, now=now)
    trust.confirm(side.org, fingerprint(added), now=now)


def issued(chain: Chain, bill: bytes, **changes: Any) -> bytes:
    """The bill with other contents, signed and sealed by Borealis all the same, as a dishonest issuer could."""
    office = chain.borealis.office
    altered = Bill.model_validate(parse_bill(bill).bill.model_dump() | changes)
    return seal_bill(altered, office.sign(altered.statement(), f"bea@{BOREALIS}"), office.log_signer)


def test_it_tells_how_the_sender_came_to_hold_it(chain: Chain, auditor: Path, transfer: str, bill: bytes) -> None:
    account = verify_bill(bill, auditor)

    [said] = account.earlier
    assert (account.sender, account.receiver, account.transfer) == (BOREALIS, CIRRUS, transfer)
    assert said.startswith(f"proved: {ACME} handed it to {BOREALIS}")
    assert "under Apache-2.0" in said
    assert chain.borealis.office.agreements.get(chain.inward).id not in bill.decode()


def test_the_receivers_bill_tells_the_same(chain: Chain, auditor: Path, transfer: str, bill: bytes) -> None:
    theirs = str(chain.cirrus.ask("bill.create", transfer=transfer)["bill"]).encode()

    assert verify_bill(theirs, auditor).earlier == verify_bill(bill, auditor).earlier


def test_a_bill_with_any_byte_of_the_chain_changed_is_refused(auditor: Path, bill: bytes) -> None:
    start = bill.index(b'"custody":[') + len(b'"custody":[')
    end = bill.index(b'],"format"', start)
    assert end - start > 10_000

    for place in range(start, end, STRIDE):
        changed = bill[:place] + bytes([bill[place] ^ 1]) + bill[place + 1 :]
        with pytest.raises(EvidenceError):
            verify_bill(changed, auditor)


def test_an_issuer_cannot_leave_the_chain_out_or_bend_it(chain: Chain, auditor: Path, bill: bytes) -> None:
    [link] = json.loads(bill)["bill"]["custody"]

    for custody in (
        [],
        [link, link],
        [link | {"sender": CIRRUS}],
        [link | {"transfer": "tr-" + "0" * 24}],
        [link | {"signatures": {n: b for n, b in link["signatures"].items() if n != "verdict"}}],
        [link | {"signatures": link["signatures"] | {"receipt": link["signatures"]["verdict"]}}],
    ):
        with pytest.raises(EvidenceError):
            verify_bill(issued(chain, bill, custody=custody), auditor)


def test_a_log_that_does_not_show_the_chain_is_refused(chain: Chain, auditor: Path, bill: bytes) -> None:
    logs = json.loads(bill)["bill"]["logs"]
    for org in (BOREALIS, CIRRUS):
        entries = [e for e in logs[org]["entries"] if b"custody.linked" not in decoded(e["leaf"])]
        assert len(entries) == len(logs[org]["entries"]) - 1

        with pytest.raises(EvidenceError, match=r"does not show custody\.linked"):
            verify_bill(issued(chain, bill, logs=logs | {org: logs[org] | {"entries": entries}}), auditor)


def decoded(text: str) -> bytes:
    return base64.b64decode(text)
