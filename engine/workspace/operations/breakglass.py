"""Break-glass: ask for a ticket, approve it as a second person, list them, close the review of one that was used."""

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from engine.custody.statements import BreakGlass
from engine.digest import JSON
from engine.errors import UsageError
from engine.events import timestamp
from engine.transfer.asking import ask_second
from engine.transfer.authorization import LIFE, draft, kept_preflight, waivable
from engine.transfer.outgoing import FIRST_STEP, Outgoing
from engine.transfer.pipeline import AWAITING
from engine.transfer.reports import transfer_event
from engine.transfer.tickets import APPROVED, REQUESTED, REVIEWED, USED, Ticket
from engine.workspace.authorizing import sign
from engine.workspace.denials import describe_denial
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import transfer_parts

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
    _check_reopenable(office, call, transfer, params.waives)
    ticket = Ticket(
        id=f"bg-{secrets.token_hex(6)}",
        transfer=transfer.id,
        state=REQUESTED,
        requester=who,
        waives=tuple(sorted(set(params.waives))),
        ticket=params.ticket,
        reason=params.reason,
        hours=params.hours,
        requested=office.clock().timestamp(),
    )
    payload: dict[str, JSON] = {
        "ticket": params.ticket,
        "waives": list(ticket.waives),
        "reason": params.reason,
        "hours": params.hours,
    }
    office.tickets.add(ticket)
    office.log.record(transfer_event(transfer, "breakglass.requested", ticket.id, payload, actor=who))
    waiting = replace(transfer, state=AWAITING, step=FIRST_STEP, detail=f"waits for break-glass {ticket.id}")
    office.outgoing.save(waiting)
    return describe(ticket)


def approve(office: Office, call: Call, params: Approve) -> dict[str, JSON]:
    """Sign a ticket as a second person; the transfer's next run goes on by it."""
    who = office.caller(call.token).identity
    ticket = _in_state(office, params.id, REQUESTED)
    transfer = office.outgoing.get(ticket.transfer)
    _check_waits(office, transfer)
    overdue = office.tickets.overdue()
    if overdue:
        raise UsageError(
            f"the review of {overdue[0].id} has been open for more than 7 days, and no new ticket is approved",
            remedy=f"Close it: 'lading breakglass review {overdue[0].id} --finding …'.",
        )
    parts = transfer_parts(office, call)
    decision = ask_second(parts, transfer, "breakGlass", who)
    if not decision.permitted:
        return describe_denial(decision)
    said = draft(
        BreakGlass,
        parts,
        transfer,
        ticket.asked | {"policy": decision.bundle_digest},
        reason=params.reason,
        life=timedelta(hours=ticket.hours),
    )
    signed = sign(office, parts, transfer, said, who, ticket.asked)
    approved = replace(ticket, state=APPROVED, approver=who, statement=signed.bundle, expires=said.expires.timestamp())
    payload: dict[str, JSON] = {
        "ticket": ticket.ticket,
        "waives": list(ticket.waives),
        "requester": ticket.requester,
        "reason": params.reason,
        "expires": timestamp(said.expires),
    }
    office.log.record(
        transfer_event(transfer, "breakglass.approved", said.nonce, payload, actor=who, statement=signed.digest)
    )
    office.tickets.change(approved, before=REQUESTED)
    # It may have been tried, and denied, while the ticket was only asked for; and what it waives is checked again.
    _check_waits(office, office.outgoing.get(transfer.id))
    waiting = replace(office.outgoing.get(transfer.id), state=AWAITING, step=FIRST_STEP)
    office.outgoing.save(replace(waiting, detail=f"may go on by {ticket.id}"))
    return describe(approved)


def list_tickets(office: Office, call: Call, _: Params) -> dict[str, Any]:
    """Return every ticket, newest first."""
    office.caller(call.token)
    return {"tickets": [describe(each) for each in office.tickets.all()]}


def review(office: Office, call: Call, params: Review) -> dict[str, JSON]:
    """Close the review of a used ticket, as somebody who neither asked for it nor approved it."""
    who = office.caller(call.token).identity
    ticket = _in_state(office, params.id, USED)
    if who in {ticket.requester, ticket.approver}:
        raise UsageError(
            f"{who} {'asked for' if who == ticket.requester else 'approved'} {ticket.id}, and does not review it",
            remedy="Ask a third person who may govern.",
        )
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    transfer = office.outgoing.get(ticket.transfer)
    payload: dict[str, JSON] = {"ticket": ticket.ticket, "finding": params.finding}
    office.log.record(transfer_event(transfer, "breakglass.reviewed", ticket.id, payload, actor=who))
    closed = replace(ticket, state=REVIEWED, reviewer=who, finding=params.finding, reviewed=office.clock().timestamp())
    office.tickets.change(closed, before=USED)
    return describe(closed)


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
    pending = office.tickets.of_transfer(transfer.id, (REQUESTED,))
    if pending is not None:
        raise UsageError(
            f"{pending.id} was asked for already",
            remedy=f"'lading breakglass approve {pending.id}', by a second person.",
        )


def _check_waits(office: Office, transfer: Outgoing) -> None:
    """Check that a transfer was denied for failed checks, and by nobody and nothing else.

    Raises:
        UsageError: it is over, or waits for something else.
    """
    kept = json.loads(office.outgoing.document(transfer.id, "decision") or b"{}")
    refused = office.outgoing.document(transfer.id, "refused") is not None
    if transfer.state not in {"denied", AWAITING} or refused or "break-glass" not in kept.get("obligations", ()):
        raise UsageError(
            f"{transfer.id} is {transfer.state}{' by a person' * refused}, and no break-glass would let it go",
            remedy="It helps a transfer that was denied for failed checks alone; 'lading policy explain' says why.",
        )


def _in_state(office: Office, ref: str, state: str) -> Ticket:
    ticket = office.tickets.get(ref)
    if ticket.state != state:
        raise UsageError(
            f"{ticket.id} is {ticket.state}, expected {state}", remedy="'lading breakglass list' shows them all."
        )
    return ticket


def _moment(seconds: float | None) -> str | None:
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None
