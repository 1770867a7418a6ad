"""A process that ends at any write of what a second person does: repeated, it is in the log once, and the state agrees.

The record comes first and all else follows from it, so a repeat in other words adopts what was recorded.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from engine.transfer.tickets import APPROVED, REQUESTED, REVIEWED, USED, Ticket
from tests.integration.simulator import Crash, PartnerSimulator

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLE)
    yield simulator
    simulator.close()


@pytest.fixture(autouse=True)
def _on_time(two: PartnerSimulator) -> None:
    """Sigstore's client holds tokens against the machine's clock: neither ahead of it, nor older than a token lives."""
    two.clock.now = max(two.clock.now, datetime.now(UTC) - timedelta(seconds=20))
    ahead = two.clock.now - (datetime.now(UTC) - timedelta(seconds=5))
    time.sleep(max(0.0, ahead.total_seconds()))


@dataclass
class Case:
    """A transfer of Acme's that a second person has something to do with."""

    two: PartnerSimulator
    root: str
    transfer: str

    def ask(self, operation: str, who: str, **params: Any) -> Any:
        return self.two.acme.ask(operation, who=who, **params)

    def request(self, reason: str = "outage", who: str = "ada") -> str:
        wish = {"transfer": self.transfer, "waives": ["extra"], "ticket": "INC-17", "reason": reason}
        return str(self.ask("breakglass.request", who, **wish)["id"])

    def approve(self, reason: str = "harmless", who: str = "sec") -> Any:
        return self.ask("breakglass.approve", who, id=self.ticket.id, reason=reason)

    def review(self, finding: str = "justified", who: str = "eve") -> Any:
        return self.ask("breakglass.review", who, id=self.ticket.id, finding=finding)

    def grant(self, reason: str = "reviewed") -> Any:
        return self.ask("approval.grant", "abe", transfer=self.transfer, reason=reason)

    def refuse(self, reason: str = "not now") -> Any:
        return self.ask("approval.refuse", "abe", transfer=self.transfer, reason=reason)

    def send(self) -> Any:
        return self.two.send(self.root)

    @property
    def ticket(self) -> Ticket:
        [ticket] = [each for each in self.two.acme.office.tickets.all() if each.transfer == self.transfer]
        return ticket

    @property
    def state(self) -> str:
        return self.two.acme.office.outgoing.get(self.transfer).state

    def logged(self, kind: str) -> Any:
        """Return the payload of the only entry of a type."""
        return self.two.acme.payload_of(self.transfer, kind)


def sent(two: PartnerSimulator, folder: Path, *, sensitivity: str, stray: bool) -> Case:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"name": str(folder)}))
    name = f"m{two.acme.office.log.size}"
    packed = two.acme.ask("artifact.pack", path=str(folder), name=name, version="1", sensitivity=sensitivity)
    if stray:
        (folder / "notes.txt").write_text("a stray file")
    outcome = two.send(str(packed["root"]))
    return Case(two, str(packed["root"]), str(outcome["id"]))


def denied(two: PartnerSimulator, folder: Path) -> Case:
    """A transfer that failed its checks."""
    return sent(two, folder / "m", sensitivity="internal", stray=True)


def parked(two: PartnerSimulator, folder: Path) -> Case:
    """A transfer that waits for an approval."""
    return sent(two, folder / "m", sensitivity="confidential", stray=False)


def crash(two: PartnerSimulator, at: int, act: Callable[[], Any], *, afterwards: bool = False) -> bool:
    """Have Acme's process end at a write of an act, and start again; return whether it came that far."""
    doom = two.acme.doom
    doom.writes.clear()
    doom.at, doom.afterwards = at, afterwards
    try:
        act()
    except Crash:
        return True
    else:
        return False
    finally:
        doom.at = 0
        two.acme.restart()


USE_WRITE = 9
"""Which write of a send marks the ticket as used."""
REQUEST_WRITES, APPROVE_WRITES, REVIEW_WRITES, GRANT_WRITES, REFUSE_WRITES = 3, 5, 3, 4, 2
"""How many there are. That who granted may approve is in the log when they refuse, and is not recorded again."""


@pytest.mark.parametrize("at", range(1, REQUEST_WRITES + 2))
def test_a_request_that_broke_off_is_in_the_log_once(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = denied(two, tmp_path)

    assert crash(two, at, case.request) == (at <= REQUEST_WRITES)
    id_ = case.request()

    said, ticket = case.logged("breakglass.requested"), case.ticket
    assert (ticket.id, ticket.state, ticket.requester) == (id_, REQUESTED, said["actor"])
    assert (list(ticket.waives), ticket.ticket, ticket.reason, ticket.hours) == (
        said["waives"],
        said["ticket"],
        said["reason"],
        said["hours"],
    )
    assert case.state == "awaiting-approval"


def test_a_request_again_in_other_words_is_refused_and_changes_nothing(two: PartnerSimulator, tmp_path: Path) -> None:
    case = denied(two, tmp_path)
    crash(two, 1, case.request, afterwards=True)

    with pytest.raises(UsageError, match="was asked for already"):
        case.request(reason="something else")

    assert (case.ticket.reason, case.logged("breakglass.requested")["reason"]) == ("outage", "outage")


@pytest.mark.parametrize("at", range(1, APPROVE_WRITES + 2))
def test_a_ticket_whose_approval_broke_off_is_approved_once(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = denied(two, tmp_path)
    case.request()

    assert crash(two, at, case.approve) == (at <= APPROVE_WRITES)
    again = case.approve(reason="other words")

    said = case.logged("breakglass.approved")
    assert (case.ticket.state, case.ticket.approver) == (APPROVED, said["actor"])
    assert again["expires"] == said["expires"]
    assert case.send()["state"] == "completed"
    assert case.logged("breakglass.used")["approver"] == "sec@acme.example"


def test_an_approval_of_a_ticket_that_is_in_the_log_counts_without_a_repeat(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    case = denied(two, tmp_path)
    case.request()
    crash(two, 3, case.approve, afterwards=True)

    assert case.send()["state"] == "completed"
    assert case.ticket.state == USED


@pytest.mark.parametrize("at", [2, 3])
def test_what_was_signed_but_is_not_in_the_log_counts_for_nothing(
    two: PartnerSimulator, tmp_path: Path, at: int
) -> None:
    for folder in ("denied", "parked"):
        (tmp_path / folder).mkdir()
    ticket, approval = denied(two, tmp_path / "denied"), parked(two, tmp_path / "parked")
    ticket.request()
    crash(two, at, ticket.approve)
    crash(two, at, approval.grant)

    assert ticket.send()["state"] == "denied"
    assert approval.send()["state"] == "awaiting-approval"


@pytest.mark.parametrize("at", range(1, GRANT_WRITES + 2))
def test_a_grant_that_broke_off_is_in_the_log_once(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = parked(two, tmp_path)

    assert crash(two, at, case.grant) == (at <= GRANT_WRITES)
    again = case.grant(reason="other words")

    assert again["expires"] == case.logged("approval.granted")["expires"]
    assert case.send()["state"] == "completed"


@pytest.mark.parametrize("at", range(1, REFUSE_WRITES + 2))
def test_a_refusal_that_broke_off_is_in_the_log_once(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = parked(two, tmp_path)
    case.grant()

    assert crash(two, at, case.refuse) == (at <= REFUSE_WRITES)
    case.refuse(reason="other words")

    said = case.logged("approval.refused")
    assert case.two.acme.office.outgoing.get(case.transfer).detail == f"refused by {said['actor']}: {said['reason']}"
    assert case.state == "denied"


def test_what_a_person_refused_does_not_go_by_an_approval_either(two: PartnerSimulator, tmp_path: Path) -> None:
    case = parked(two, tmp_path)
    case.grant()
    crash(two, 1, case.refuse, afterwards=True)  # the log has it, the transfer does not yet

    assert case.send()["state"] == "denied"
    assert "transfer.offered" not in two.acme.log_of(case.transfer)


@pytest.mark.parametrize("at", range(1, REVIEW_WRITES + 2))
def test_a_review_that_broke_off_keeps_the_finding_it_recorded(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = denied(two, tmp_path)
    case.request()
    case.approve()
    case.send()

    assert crash(two, at, case.review) == (at <= REVIEW_WRITES)
    case.review(finding="other words")

    said = case.logged("breakglass.reviewed")
    assert (case.ticket.state, case.ticket.finding, case.ticket.reviewer) == (REVIEWED, said["finding"], said["actor"])


@pytest.mark.parametrize("at", range(4, 11))
def test_a_ticket_is_used_once_wherever_the_send_broke_off(two: PartnerSimulator, tmp_path: Path, at: int) -> None:
    case = denied(two, tmp_path)
    case.request()
    case.approve()

    assert crash(two, at, case.send)
    assert case.send()["state"] == "completed"

    assert (case.ticket.state, case.logged("breakglass.used")["review"]) == (USED, "open")


def test_a_use_that_is_in_the_log_opens_the_review_though_the_send_never_went_on(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    case = denied(two, tmp_path)
    case.request()
    case.approve()

    assert crash(two, USE_WRITE, case.send)
    assert two.acme.doom.writes[USE_WRITE - 1] == "TicketTable.change"
    assert case.ticket.state == APPROVED

    [listed] = [each for each in case.ask("breakglass.list", "eve")["tickets"] if each["id"] == case.ticket.id]

    assert listed["state"] == USED
    assert case.review()["state"] == REVIEWED
