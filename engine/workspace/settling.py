"""Bringing a transfer and its tickets to where the log says they are.

What a person does about a transfer is recorded first and saved afterwards. Operations check and record; what follows
from the record is done here, right away, or after a crash in between by the next operation that comes along. Nothing
here decides anything, and all of it may be repeated.

INVARIANT: whoever settles a transfer holds `Office.working_on` for it.
"""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from engine.audit.entry import Entry
from engine.digest import sha256
from engine.signing.envelope import unverified_payload
from engine.transfer.outgoing import FIRST_STEP, Outgoing
from engine.transfer.pipeline import AWAITING
from engine.transfer.reports import transfer_event_id
from engine.transfer.tickets import APPROVED, REQUESTED, REVIEWED, USED, Ticket, ticket_id
from engine.workspace.office import Office

STAGED: Final = "staged"
"""The document that a second person's signature waits in until the log has it. It counts for nothing."""
FINAL: Final = "final"
"""The occurrence of an event that a transfer has once."""


def occurred(office: Office, transfer: str, kind: str, occurrence: str) -> Entry | None:
    """Return what the log has of an event about a transfer; None if it was not recorded."""
    return office.log.find(transfer_event_id(transfer, kind, occurrence))


def settle(office: Office, transfer: str) -> Outgoing:
    """Do what the log says was done about a transfer, and return the transfer as it then stands."""
    for follow in (_refused, _requested, _signed):
        follow(office, office.outgoing.get(transfer))
    return office.outgoing.get(transfer)


def settle_ticket(office: Office, ticket: Ticket) -> Ticket:
    """Do what the log says was done with an approved ticket, and return it as it then stands. Needs no lock."""
    if ticket.state == APPROVED and (used := occurred(office, ticket.transfer, "breakglass.used", ticket.id)):
        ticket = office.tickets.use(ticket, _seconds(used.time))
    if ticket.state != USED:
        return ticket
    reviewed = occurred(office, ticket.transfer, "breakglass.reviewed", ticket.id)
    if reviewed is None or reviewed.payload is None:
        return ticket
    said: Any = reviewed.payload
    closed = replace(
        ticket,
        state=REVIEWED,
        reviewer=said["actor"],
        finding=said["finding"],
        reviewed=_seconds(reviewed.time),
    )
    return office.tickets.change(closed, before=USED)


def reopenable(office: Office, transfer: Outgoing) -> bool:
    """Say whether a transfer may wait again: it waits, or was denied, and no person refused it."""
    return transfer.state in {"denied", AWAITING} and office.outgoing.document(transfer.id, "refused") is None


def _refused(office: Office, transfer: Outgoing) -> None:
    entry = occurred(office, transfer.id, "approval.refused", FINAL)
    if entry is None or transfer.stopped:
        return
    said: Any = entry.payload or {}
    ended = replace(transfer, state="denied", detail=f"refused by {said.get('actor')}: {said.get('reason')}")
    # The leaf names nobody: it stays when what was said is erased, and so does the refusal.
    office.outgoing.save(ended, {"refused": entry.leaf})


def _requested(office: Office, transfer: Outgoing) -> None:
    """Rebuild the ticket that was asked for last; its row comes last, so where there is one, all is done."""
    id_ = ticket_id(transfer.id, office.tickets.count(transfer.id))
    entry = occurred(office, transfer.id, "breakglass.requested", id_)
    if entry is None or entry.payload is None:
        return
    said: Any = entry.payload
    _wait(office, transfer, f"waits for break-glass {id_}")
    office.tickets.add(
        Ticket(
            id=id_,
            transfer=transfer.id,
            state=REQUESTED,
            requester=said["actor"],
            waives=tuple(said["waives"]),
            ticket=said["ticket"],
            reason=said["reason"],
            hours=float(said["hours"]),
            requested=_seconds(entry.time),
        )
    )


def _signed(office: Office, transfer: Outgoing) -> None:
    """Move what a second person signed into its place, once the log has it."""
    staged = office.outgoing.document(transfer.id, STAGED)
    if staged is None or staged == office.outgoing.document(transfer.id, "approval"):
        return
    digest = sha256(unverified_payload(json.loads(staged), what="the staged statement"))
    entries = [each for each in office.log.of_transfer(transfer.id) if each.public.get("statement") == digest]
    ticket = office.tickets.of_transfer(transfer.id, (REQUESTED,))
    for entry in entries:
        if entry.type == "approval.granted":
            office.outgoing.save(transfer, {"approval": staged})
        elif entry.type == "breakglass.approved" and ticket is not None:
            _approved(office, transfer, ticket, entry, staged)


def _approved(office: Office, transfer: Outgoing, ticket: Ticket, entry: Entry, statement: bytes) -> None:
    if entry.id != transfer_event_id(transfer.id, entry.type, ticket.id) or entry.payload is None:
        return
    said: Any = entry.payload
    # It may have been tried, and denied, while the ticket was only asked for; and what it waives is checked again.
    _wait(office, transfer, f"may go on by {ticket.id}")
    approved = replace(
        ticket, state=APPROVED, approver=said["actor"], statement=statement, expires=_seconds(said["expires"])
    )
    office.tickets.change(approved, before=REQUESTED)


def _wait(office: Office, transfer: Outgoing, detail: str) -> None:
    if reopenable(office, transfer):
        office.outgoing.save(replace(transfer, state=AWAITING, step=FIRST_STEP, detail=detail))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
