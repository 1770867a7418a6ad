"""Break-glass, from a transfer that failed its checks to the review of the ticket that let it past them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.custody.statements import BreakGlass, fresh_nonce
from engine.errors import UntrustedIdentity, UsageError
from engine.transfer.authorization import plan_of
from engine.transfer.tickets import APPROVED, REVIEW_SECONDS, USED, Ticket
from tests.integration.simulator import Clock, PartnerSimulator

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLE, Clock())
    yield simulator
    simulator.close()


def denied(two: PartnerSimulator, folder: Path, name: str) -> tuple[str, str]:
    """Pack a small model, leave a stray file beside it, and have sending it denied."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"name": name}))
    root = str(two.acme.ask("artifact.pack", path=str(folder), name=name, version="1")["root"])
    (folder / "notes.txt").write_text("a stray file")
    sent = two.send(root)
    assert (sent["state"], sent["detail"]) == ("denied", "deny-failed-preflight")
    return root, str(sent["id"])


def request(two: PartnerSimulator, transfer: str, who: str = "ada", **changes: Any) -> str:
    wish = {"transfer": transfer, "waives": ["extra"], "ticket": "INC-17", "reason": "outage", "hours": 2.0}
    return str(two.acme.ask("breakglass.request", who=who, **(wish | changes))["id"])


def approve(two: PartnerSimulator, ticket: str, who: str = "sec") -> Any:
    return two.acme.ask("breakglass.approve", who=who, id=ticket, reason="the file is harmless")


def test_a_ticket_lets_one_transfer_past_what_it_names_and_its_use_is_reviewed(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    root, transfer = denied(two, tmp_path / "m", "whole-story")
    ticket = request(two, transfer)
    assert two.send(root)["state"] == "denied"  # asking alone opens nothing
    approved = approve(two, ticket)
    assert (approved["state"], approved["approver"]) == ("approved", "sec@acme.example")

    sent = two.send(root)

    assert (sent["id"], sent["state"], sent["verdict"]) == (transfer, "completed", "released")
    log = two.acme.log_of(transfer)
    assert log.index("breakglass.used") < log.index("transfer.offered")
    assert two.acme.payload_of(transfer, "breakglass.used")["waives"] == ["extra"]
    for involved in ("ada", "sec"):
        with pytest.raises(UsageError, match="does not review it"):
            two.acme.ask("breakglass.review", who=involved, id=ticket, finding="fine")
    assert "denied" in two.acme.ask("breakglass.review", who="abe", id=ticket, finding="fine")
    closed = two.acme.ask("breakglass.review", who="eve", id=ticket, finding="justified")
    assert (closed["state"], closed["reviewer"]) == ("reviewed", "eve@acme.example")
    assert two.acme.log_of(transfer)[-1] == "breakglass.reviewed"


def test_nobody_approves_what_they_asked_for_or_started(two: PartnerSimulator, tmp_path: Path) -> None:
    _, transfer = denied(two, tmp_path / "m", "own-approval")
    ticket = request(two, transfer, who="sec")

    with pytest.raises(UntrustedIdentity, match="approved what they asked for themselves"):
        approve(two, ticket, who="sec")
    assert "denied" in approve(two, ticket, who="abe")  # an approver of transfers is not of security


@pytest.mark.parametrize("code", ["model-signature-invalid", "digest-mismatch", "origin-unknown", "preflight-missing"])
def test_what_proves_an_artifact_is_never_waived(two: PartnerSimulator, tmp_path: Path, code: str) -> None:
    _, transfer = denied(two, tmp_path / "m", f"never-{code}")

    with pytest.raises(UsageError, match="can never be waived"):
        request(two, transfer, waives=["extra", code])


def test_a_ticket_that_does_not_name_every_finding_is_not_asked_for(two: PartnerSimulator, tmp_path: Path) -> None:
    _, transfer = denied(two, tmp_path / "m", "too-little")

    with pytest.raises(UsageError, match="also found extra"):
        request(two, transfer, waives=["empty-folder"])


def test_more_than_four_hours_are_not_asked_for(two: PartnerSimulator, tmp_path: Path) -> None:
    _, transfer = denied(two, tmp_path / "m", "too-long")

    with pytest.raises(UsageError, match="hours"):
        request(two, transfer, hours=5)


def test_a_transfer_that_was_not_denied_for_its_checks_is_not_reopened(two: PartnerSimulator, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    root = two.acme.ask("artifact.pack", path=str(folder), name="other-denial", version="1")["root"]
    sent = two.send(str(root), purpose="marketing")
    assert sent["state"] == "denied"

    with pytest.raises(UsageError, match="no break-glass would let it go"):
        request(two, sent["id"])


Change = Callable[[BreakGlass], BreakGlass]


def _update(**values: Any) -> Change:
    return lambda said: said.model_copy(update=values)


FORGERIES: dict[str, tuple[Change, str]] = {
    "expired": (
        lambda said: said.model_copy(
            update={"not_before": said.not_before - timedelta(hours=5), "expires": said.expires - timedelta(hours=5)}
        ),
        "sec",
    ),
    "for ten years": (lambda said: said.model_copy(update={"expires": said.expires + timedelta(days=3650)}), "sec"),
    "from the future": (
        lambda said: said.model_copy(
            update={"not_before": said.not_before + timedelta(hours=1), "expires": said.expires + timedelta(hours=1)}
        ),
        "sec",
    ),
    "of another transfer": (_update(transfer="tr-" + "0" * 24), "sec"),
    "for another partner": (_update(receiver="cirrus.example"), "sec"),
    "for another purpose": (_update(purpose="research"), "sec"),
    "for another order": (_update(plan="0" * 64), "sec"),
    "under other policies": (_update(policy="0" * 64), "sec"),
    "past a signature": (_update(waives=("extra", "model-signature-invalid")), "sec"),
    "past something else": (_update(waives=("empty-folder",)), "sec"),
    "signed by its requester": (_update(requester="sec@acme.example"), "sec"),
    "signed by who started the transfer": (_update(), "ada"),
    "signed by somebody without the role": (_update(), "olga"),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_ticket_counts_for_nothing_but_what_it_names(
    two: PartnerSimulator, tmp_path: Path, change: tuple[Change, str], request: pytest.FixtureRequest
) -> None:
    root, transfer = denied(two, tmp_path / "m", f"forged-{abs(hash(request.node.name))}")
    bend, signer = change
    plant(two, transfer, bend(statement(two, transfer)), signer)

    assert two.send(root)["state"] == "denied"
    assert "breakglass.used" not in two.acme.log_of(transfer)


def test_the_very_same_ticket_unbent_does_count(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = denied(two, tmp_path / "m", "unbent")
    plant(two, transfer, statement(two, transfer), "sec")

    assert two.send(root)["state"] == "completed"


def test_a_ticket_whose_nonce_another_transfer_used_opens_nothing(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = denied(two, tmp_path / "m", "replayed")
    said = statement(two, transfer)
    two.acme.office.governance.store.consume(said.nonce, "tr-another")
    plant(two, transfer, said, "sec")

    assert two.send(root)["state"] == "denied"


def test_an_altered_ticket_opens_nothing(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = denied(two, tmp_path / "m", "altered")
    planted = plant(two, transfer, statement(two, transfer), "sec")
    assert planted.statement is not None
    altered = bytearray(planted.statement)
    altered[len(altered) // 2] ^= 1
    two.acme.office.tickets.change(replace(planted, statement=bytes(altered)), before=APPROVED)

    assert two.send(root)["state"] == "denied"


def test_a_review_left_open_for_a_week_blocks_the_next_ticket(two: PartnerSimulator, tmp_path: Path) -> None:
    _, transfer = denied(two, tmp_path / "m", "overdue")
    ticket = request(two, transfer)
    tickets = two.acme.office.tickets
    long_ago = two.clock().timestamp() - REVIEW_SECONDS - 60
    old = tickets.add(replace(tickets.get(ticket), id="bg-forgotten", state=USED, used=long_ago))

    with pytest.raises(UsageError, match="review of bg-forgotten has been open"):
        approve(two, ticket)

    two.acme.ask("breakglass.review", who="eve", id=old.id, finding="late, and justified")
    assert approve(two, ticket)["state"] == "approved"


def test_a_transfer_that_a_person_refused_is_not_revived_by_a_ticket(two: PartnerSimulator, tmp_path: Path) -> None:
    _, transfer = denied(two, tmp_path / "m", "refused")
    ticket = request(two, transfer)
    two.acme.ask("approval.refuse", who="abe", transfer=transfer, reason="never send this")

    with pytest.raises(UsageError, match="by a person"):
        approve(two, ticket)
    with pytest.raises(UsageError, match="by a person"):
        request(two, transfer)

    assert two.acme.office.outgoing.get(transfer).state == "denied"


def test_a_completed_transfer_is_not_revived_by_a_second_ticket(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = denied(two, tmp_path / "m", "completed")
    approve(two, request(two, transfer))
    second = request(two, transfer)
    assert two.send(root)["state"] == "completed"

    with pytest.raises(UsageError, match="is completed"):
        approve(two, second)

    assert two.acme.office.outgoing.get(transfer).state == "completed"


def test_what_came_up_after_the_ticket_is_not_waived(two: PartnerSimulator, tmp_path: Path) -> None:
    root, transfer = denied(two, tmp_path / "m", "later")
    approve(two, request(two, transfer))
    (tmp_path / "m" / "hollow").mkdir()  # an empty folder, which the ticket does not name

    assert two.send(root)["state"] == "denied"


def test_two_approvals_at_once_lose_no_review(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, transfer = denied(two, tmp_path / "m", "race")
    ticket = request(two, transfer)
    office = two.acme.office
    real = type(office).sign
    faster: list[str] = []

    def slow(self: Any, statement: bytes, who: str) -> bytes:
        signed = real(self, statement, who)
        if not faster and b"break-glass" in statement:
            faster.append(who)
            approve(two, ticket)  # another thread is faster, and the transfer goes
            assert two.send(root)["state"] == "completed"
        return signed

    monkeypatch.setattr(type(office), "sign", slow)
    with pytest.raises(UsageError, match="is used, expected requested"):
        approve(two, ticket)

    assert faster
    assert (office.tickets.get(ticket).state, office.outgoing.get(transfer).state) == (USED, "completed")


def statement(two: PartnerSimulator, transfer: str) -> BreakGlass:
    """A ticket as it should be, for a transfer."""
    office = two.acme.office
    found, now = office.outgoing.get(transfer), two.clock()
    return BreakGlass(
        transfer=found.id,
        sender="acme.example",
        receiver=found.partner,
        artifact=found.artifact,
        agreement=found.agreement,
        nonce=fresh_nonce(),
        issued=now,
        checkpoint="",
        requester="ada@acme.example",
        action="send",
        purpose=found.purpose,
        plan=plan_of(found),
        policy=office.judge.bundle_digest,
        waives=("extra",),
        ticket="INC-17",
        reason="forged",
        not_before=now,
        expires=now + timedelta(hours=2),
    )


def plant(two: PartnerSimulator, transfer: str, said: BreakGlass, signer: str) -> Ticket:
    """Put a signed ticket where an approved one would be, past every check of the operations."""
    office = two.acme.office
    signed = office.sign(said.statement(), f"{signer}@acme.example")
    office.outgoing.save(replace(office.outgoing.get(transfer), state="awaiting-approval"))
    return office.tickets.add(
        Ticket(
            id=f"bg-{fresh_nonce()[:12]}",
            transfer=transfer,
            state=APPROVED,
            requester="ada@acme.example",
            waives=("extra",),
            ticket="INC-17",
            reason="planted",
            hours=2.0,
            requested=two.clock().timestamp(),
            approver=f"{signer}@acme.example",
            statement=signed,
        )
    )
