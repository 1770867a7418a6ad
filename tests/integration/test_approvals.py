"""An approval lets go what its signer saw, for as long as they may approve, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.custody.account import verify_bill
from engine.custody.statements import Approval, ApprovalV1, Predicate
from engine.files import write_atomic
from engine.transfer.asking import asked_of_approver, valid_approval
from engine.transfer.authorization import draft
from engine.transfer.parts import Parts
from engine.workspace.operations import Call
from engine.workspace.operations.transfers import transfer_parts
from tests.integration.simulator import PartnerSimulator

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"
NOT_BOUND = {"nonce", "issued", "checkpoint", "reason"}
"""What tells two approvals of the same transfer apart."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLE)
    yield simulator
    simulator.close()


@pytest.fixture(scope="module")
def parked(two: PartnerSimulator, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return waiting(two, tmp_path_factory.mktemp("parked") / "m", "parked")


def waiting(two: PartnerSimulator, folder: Path, name: str) -> tuple[str, str]:
    """Pack a small confidential model, and have sending it wait; return its root and the transfer."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"name": name}))
    packed = two.acme.ask("artifact.pack", path=str(folder), name=name, version="1", sensitivity="confidential")
    sent = two.send(str(packed["root"]), impact="compare with the classifier in use")
    assert sent["state"] == "awaiting-approval"
    return str(packed["root"]), str(sent["id"])


def grant(two: PartnerSimulator, transfer: str, who: str = "abe") -> Any:
    return two.acme.ask("approval.grant", who=who, transfer=transfer, reason="reviewed with legal")


def parts_of(two: PartnerSimulator) -> Parts:
    return transfer_parts(two.acme.office, Call(None, {}, lambda _: None, two.acme.stop))


def approval(two: PartnerSimulator, transfer: str) -> Approval:
    """An approval as it should be, for a transfer."""
    parts, found = parts_of(two), two.acme.office.outgoing.get(transfer)
    return draft(Approval, parts, found, asked_of_approver(parts, found), reason="planted")


def plant(two: PartnerSimulator, transfer: str, said: Predicate, signer: str = "abe") -> None:
    """Keep a signed approval where a granted one would be, past every check of the operations."""
    office = two.acme.office
    bundle = office.sign(said.statement(), f"{signer}@acme.example")
    office.outgoing.save(office.outgoing.get(transfer), {"approval": bundle})


def counts(two: PartnerSimulator, transfer: str) -> bool:
    return valid_approval(parts_of(two), two.acme.office.outgoing.get(transfer)) is not None


ALTERED: dict[str, Any] = {
    "transfer": "tr-" + "0" * 24,
    "sender": "cirrus.example",
    "receiver": "cirrus.example",
    "artifact": "0" * 64,
    "agreement": "0" * 64,
    "requester": "olga@acme.example",
    "action": "receive",
    "purpose": "research",
    "plan": "0" * 64,
    "policy": "0" * 64,
    "waives": ("extra",),
    "not_before": timedelta(hours=1),
    "expires": timedelta(hours=1),
}


def test_every_field_is_bound_or_only_tells_two_approvals_apart() -> None:
    assert set(ALTERED) | NOT_BOUND == set(Approval.model_fields)


@pytest.mark.parametrize("field", ALTERED)
def test_an_approval_with_any_one_field_altered_lets_nothing_go(
    two: PartnerSimulator, parked: tuple[str, str], field: str
) -> None:
    root, transfer = parked
    said, other = approval(two, transfer), ALTERED[field]
    if isinstance(other, timedelta):
        other = getattr(said, field) + other
    plant(two, transfer, said.model_copy(update={field: other}))

    assert not counts(two, transfer)
    assert two.send(root)["state"] == "awaiting-approval"


@pytest.mark.parametrize("signer", ["ada", "olga"])
def test_nobody_approves_what_they_started_or_without_the_role(
    two: PartnerSimulator, parked: tuple[str, str], signer: str
) -> None:
    root, transfer = parked
    plant(two, transfer, approval(two, transfer), signer)

    assert not counts(two, transfer)
    assert two.send(root)["state"] == "awaiting-approval"


def test_an_approval_of_the_former_version_lets_nothing_go(two: PartnerSimulator, parked: tuple[str, str]) -> None:
    root, transfer = parked
    known = set(ApprovalV1.model_fields)
    plant(two, transfer, ApprovalV1(**approval(two, transfer).model_dump(include=known)))

    assert two.send(root)["state"] == "awaiting-approval"


def test_the_very_same_approval_unaltered_counts(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = waiting(two, tmp_path / "m", "unaltered")
    plant(two, transfer, approval(two, transfer))

    assert counts(two, transfer)
    assert two.send(root)["state"] == "completed"


def test_the_bill_proves_who_approved_the_very_order_that_was_offered(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = waiting(two, tmp_path / "m", "billed")
    grant(two, transfer)
    assert two.send(root)["state"] == "completed"
    bill = str(two.acme.ask("bill.create", transfer=transfer)["bill"]).encode()

    account = verify_bill(bill, two.borealis.office.layout.trust)

    assert any("abe@acme.example" in each and "signed the approval" in each for each in account.proved)


def test_what_was_approved_for_a_clean_report_is_no_approval_of_another_one(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    _, transfer = waiting(two, tmp_path / "m", "other-report")
    grant(two, transfer)
    office = two.acme.office
    report = json.loads(office.outgoing.document(transfer, "preflight") or b"")
    report["findings"] = [{"code": "extra", "severity": "error"}]

    office.outgoing.save(office.outgoing.get(transfer), {"preflight": json.dumps(report).encode()})

    assert not counts(two, transfer)


LOST = {
    "the role": ("roles: [approver, administrator]", "roles: [administrator]"),
    "their place in the directory": ("identity: abe@acme.example", "identity: abel@acme.example"),
}


@pytest.mark.parametrize("change", LOST.values(), ids=LOST)
def test_whoever_lost_what_it_takes_after_approving_let_nothing_go(
    two: PartnerSimulator, tmp_path: Path, change: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    root, transfer = waiting(two, tmp_path / "m", f"lost {request.node.callspec.id}".replace(" ", "-"))
    grant(two, transfer)

    with edited(two, *change):
        sent = two.send(root)

    assert sent["state"] == "awaiting-approval"
    assert any("abe@acme.example" in each["condition"] for each in sent["reasons"])
    asked = [each for each in two.acme.entries("decision.deny") if each.public.get("transfer") == transfer]
    assert {(each.payload or {})["actor"] for each in asked} == {"ada@acme.example"}
    assert two.send(root)["state"] == "completed"  # they have it again


def test_whoever_lost_the_role_after_signing_a_ticket_let_nothing_go(two: PartnerSimulator, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_text('{"name": "ticket"}')
    root = str(two.acme.ask("artifact.pack", path=str(folder), name="ticket", version="1")["root"])
    (folder / "notes.txt").write_text("a stray file")
    transfer = two.send(root)["id"]
    wish = {"transfer": transfer, "waives": ["extra"], "ticket": "INC-17", "reason": "outage"}
    ticket = two.acme.ask("breakglass.request", **wish)["id"]
    two.acme.ask("breakglass.approve", who="sec", id=ticket, reason="harmless")

    with edited(two, "roles: [security, sender]", "roles: [sender]"):
        sent = two.send(root)

    assert sent["state"] == "denied"
    assert any("sec@acme.example" in each["condition"] for each in sent["reasons"])
    assert "breakglass.used" not in two.acme.log_of(transfer)


@contextmanager
def edited(two: PartnerSimulator, old: str, new: str) -> Iterator[None]:
    """Have Acme's directory say something else for a while; the trust document does not know yet."""
    file = two.acme.home / "directory.yaml"
    before = file.read_bytes()
    assert before.count(old.encode()) == 1
    write_atomic(file, before.replace(old.encode(), new.encode()))
    yield
    write_atomic(file, before)
