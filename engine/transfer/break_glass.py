"""Break-glass: a signed ticket lets one transfer past named findings of its checks, and past nothing else.

INVARIANTS
- A ticket counts as `engine.transfer.authorization` says, and for what was asked for: incident, findings, requester.
- That it was used is in the log before anything moves, and opens a review.
"""

from engine.custody.statements import BreakGlass
from engine.errors import EvidenceError
from engine.policy.facts import BreakGlassFacts
from engine.transfer.authorization import objection
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.transfer.tickets import APPROVED, USED, Ticket


def valid_ticket(parts: Parts, transfer: Outgoing) -> tuple[Ticket, BreakGlass, BreakGlassFacts] | None:
    """Return the ticket of a transfer, what was signed, and what policy may know of it, if it counts now."""
    ticket = parts.tickets.of_transfer(transfer.id, (APPROVED, USED))
    if ticket is None or ticket.statement is None:
        return None
    try:
        signed = parts.trust(parts.organization).verify(ticket.statement, predicate_type=BreakGlass.predicate_type())
        said = BreakGlass.read(signed)
    except EvidenceError:
        return None
    approver = signed.signatory.identity
    if objection(parts, transfer, ticket.asked, said, approver) is not None:
        return None
    facts = BreakGlassFacts(
        ticket=said.ticket,
        requester=said.requester,
        approver=approver,
        waives=said.waives,
        expires=said.expires,
    )
    return ticket, said, facts
