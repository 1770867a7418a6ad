"""Break-glass: ask for a ticket, approve it as a second person, list them, close the review of one that was used."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from engine.custody.statements import BreakGlass
from engine.digest import JSON
from engine.errors import UsageError
from engine.events import timestamp
from engine.transfer.asking import ask_second
from engine.transfer.authorization import LIFE, draft, kept_preflight, waivable
from engine.transfer.outgoing import Outgoing
from engine.transfer.reports import transfer_event
from engine.transfer.tickets import APPROVED, REQUESTED, REVIEWED, USED, Ticket, ticket_id
from engine.workspace.authorizing import put_in_force, sign
from engine.workspace.denials import describe_denial
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import transfer_parts
from engine.workspace.settling import reopenable, settle, settle_ticket

Words = Annotated[str, Field(min_length=1, max_length=1000)]


class Request(Params):
    """For which transfer, past which findings, why, and for how long."""

    transfer: str
    waives: Annotated[list[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,100}$")]], Field(min_length=1, max_length=100)]
    ticket: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Words
    hours: Annotated[float, Field(gt=0, le=LIFE.total_seconds() / 3600)] = 2.0


class Approve(Params):
    """Which ticket, and why."""

    id: str
    reason: Words


class Review(Params):
    """Which ticket, and what was found."""

    id: str
    finding: Words


def request(office: Office, call: Call, params: Request) -> dict[str, JSON]:
    """Ask for a ticket; the transfer waits again."""
    who = office.caller(call.token).identity
    transfer = office.outgoing.get(params.transfer)
    wish: dict[str, JSON] = {
        "ticket": params.ticket,
        "waives": sorted(set(params.waives)),
        "reason": params.reason,
        "hours": params.hours,
    }
    with office.working_on(transfer.id):
        transfer = settle(office, transfer.id)
        _check_reopenable(office, call, transfer, params.waives)
        pending = office.tickets.of_transfer(transfer.id, (REQUESTED,))
        if pending is not None:
            return _same(pending, who, wish)
        id_ = ticket_id(transfer.id, office.tickets.count(transfer.id))
        office.log.record(transfer_event(transfer, "breakglass.requested", id_, wish, actor=who))
        settle(office, transfer.id)
    return describe(office.tickets.get(id_))


def approve(office: Office, call: Call, params: Approve) -> dict[str, JSON]:
    """Sign a ticket as a second person; the transfer's next run goes on by it."""
    who = office.caller(call.token).identity
    ticket = office.tickets.get(params.id)
    with office.working_on(ticket.transfer):
        settle(office, ticket.transfer)
    ticket = office.tickets.get(ticket.id)
    if (ticket.state, ticket.approver) == (APPROVED, who):
        return describe(ticket)
    transfer = _approvable(office, ticket)
    _check_reviews(office)
    parts = transfer_parts(office, call)
    decision = ask_second(parts, transfer, "breakGlass", who)
    if not decision.permitted:
        return describe_denial(decision)
    asked, life = ticket.asked | {"policy": decision.bundle_digest}, timedelta(hours=ticket.hours)
    said = draft(BreakGlass, parts, transfer, asked, reason=params.reason, life=life)
    signed = sign(office, parts, transfer, said, who, ticket.asked)
    payload: dict[str, JSON] = {
        "ticket": ticket.ticket,
        "waives": list(ticket.waives),
        "requester": ticket.requester,
        "reason": params.reason,
        "expires": timestamp(said.expires),
    }
    event = transfer_event(transfer, "breakglass.approved", ticket.id, payload, actor=who, statement=signed.digest)
    with office.working_on(transfer.id):
        settle(office, transfer.id)
        transfer = _approvable(office, office.tickets.get(ticket.id))
        put_in_force(office, parts, transfer, signed, ticket.asked, event)
    return describe(office.tickets.get(ticket.id))


def list_tickets(office: Office, call: Call, _: Params) -> dict[str, Any]:
    """Return every ticket, newest first."""
    office.caller(call.token)
    return {"tickets": [describe(settle_ticket(office, each)) for each in office.tickets.all()]}


def review(office: Office, call: Call, params: Review) -> dict[str, JSON]:
    """Close the review of a used ticket, as somebody who neither asked for it nor approved it."""
    who = office.caller(call.token).identity
    id_ = office.tickets.get(params.id).id
    with office.working_on(id_):
        ticket = settle_ticket(office, office.tickets.get(id_))
        if (ticket.state, ticket.reviewer) == (REVIEWED, who):
            return describe(ticket)
        _check_state(ticket, USED)
        if who in {ticket.requester, ticket.approver}:
            raise UsageError(
                f"{who} {'asked for' if who == ticket.requester else 'approved'} {ticket.id}, and does not review it",
                remedy="Ask a third person who may govern.",
            )
        denied = office.denial(office.governance.action, who)
        if denied is not None:
            return denied
        payload: dict[str, JSON] = {"ticket": ticket.ticket, "finding": params.finding}
        transfer = office.outgoing.get(ticket.transfer)
        office.log.record(transfer_event(transfer, "breakglass.reviewed", ticket.id, payload, actor=who))
        return describe(settle_ticket(office, ticket))


def describe(ticket: Ticket) -> dict[str, JSON]:
    """Return a ticket as JSON values."""
    return {
        "id": ticket.id,
        "transfer": ticket.transfer,
        "state": ticket.state,
        "requester": ticket.requester,
        "approver": ticket.approver,
        "waives": list(ticket.waives),
        "ticket": ticket.ticket,
        "reason": ticket.reason,
        "hours": ticket.hours,
        "requested": _moment(ticket.requested),
        "expires": _moment(ticket.expires),
        "used": _moment(ticket.used),
        "reviewer": ticket.reviewer,
        "finding": ticket.finding,
        "reviewed": _moment(ticket.reviewed),
    }


def _check_reopenable(office: Office, call: Call, transfer: Outgoing, waives: list[str]) -> None:
    """Check that a ticket could help a transfer at all.

    Raises:
        UsageError: it could not; the message says why.
    """
    refused = sorted(code for code in waives if not waivable(code))
    if refused:
        raise UsageError(
            f"{', '.join(refused)} can never be waived: it is what proves the artifact",
            remedy="Mend what was found, pack again, and send again.",
        )
    if not office.judge.knows("breakGlass"):
        raise UsageError(
            "the active policies know no break-glass",
            remedy="Propose policies whose schema has the action breakGlass; the starter policies of this release do.",
        )
    _check_waits(office, transfer)
    failed = set(kept_preflight(transfer_parts(office, call), transfer).failed)
    left = sorted(failed - set(waives))
    if left:
        raise UsageError(f"the checks also found {', '.join(left)}", remedy="Mend that, or name it with --waive.")


def _same(pending: Ticket, who: str, wish: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a ticket that waits already, if it was asked for in the same words.

    Raises:
        UsageError: it was asked for by somebody else, or otherwise.
    """
    described = describe(pending)
    if pending.requester == who and all(described[name] == value for name, value in wish.items()):
        return described
    raise UsageError(
        f"{pending.id} was asked for already",
        remedy=f"'lading --as SOMEBODY breakglass approve {pending.id}', by a second person.",
    )


def _approvable(office: Office, ticket: Ticket) -> Outgoing:
    """Return the transfer that a ticket could be approved for now.

    Raises:
        UsageError: the ticket is not only asked for, or its transfer does not wait.
    """
    _check_state(ticket, REQUESTED)
    transfer = office.outgoing.get(ticket.transfer)
    _check_waits(office, transfer)
    return transfer


def _check_reviews(office: Office) -> None:
    for each in office.tickets.all():
        settle_ticket(office, each)
    overdue = office.tickets.overdue()
    if overdue:
        raise UsageError(
            f"the review of {overdue[0].id} has been open for more than 7 days, and no new ticket is approved",
            remedy=f"Close it: 'lading --as SOMEBODY breakglass review {overdue[0].id} --finding …'.",
        )


def _check_waits(office: Office, transfer: Outgoing) -> None:
    """Check that a transfer was denied for failed checks, and by nobody and nothing else.

    Raises:
        UsageError: it is over, or waits for something else.
    """
    kept = json.loads(office.outgoing.document(transfer.id, "decision") or b"{}")
    refused = office.outgoing.document(transfer.id, "refused") is not None
    if not reopenable(office, transfer) or "break-glass" not in kept.get("obligations", ()):
        raise UsageError(
            f"{transfer.id} is {transfer.state}{' by a person' * refused}, and no break-glass would let it go",
            remedy="It helps a transfer that was denied for failed checks alone; 'lading policy explain' says why.",
        )


def _check_state(ticket: Ticket, state: str) -> None:
    if ticket.state != state:
        raise UsageError(
            f"{ticket.id} is {ticket.state}, expected {state}", remedy="'lading breakglass list' shows them all."
        )


def _moment(seconds: float | None) -> str | None:
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None
