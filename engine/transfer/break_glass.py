"""Break-glass: a signed ticket lets one transfer past named findings of its checks, and past nothing else.

INVARIANTS
- A ticket counts for the very transfer, order, findings and policy bundle it names, for at most four hours, and only
  if somebody else than its requester signed it.
- It never waives what proves an artifact: signatures, digests, checks that did not run.
- Its nonce is used by one transfer. That it was used is in the log before anything moves, and opens a review.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from engine.custody.statements import BreakGlass
from engine.digest import canonical, sha256
from engine.errors import EvidenceError
from engine.policy.facts import BreakGlassFacts
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.transfer.tickets import APPROVED, USED, Ticket

LIFE: Final = timedelta(hours=4)
SKEW: Final = timedelta(minutes=5)
NEVER_WAIVED: Final = (
    "agreement-other-text",
    "agreement-sign",
    "agreement-trust-moved",
    "agreement-unsigned",
    "digest-mismatch",
    "manifest-attestation",
    "missing",
    "model-signature",
    "more-findings",
    "origin-unknown",
    "preflight-missing",
    "size-mismatch",
)
"""What the codes of findings begin with that no ticket waives."""


def waivable(code: str) -> bool:
    """Say whether a ticket may waive a finding."""
    return not code.startswith(NEVER_WAIVED)


def plan_digest(transfer: Outgoing) -> str:
    """Return the SHA-256 of the canonical order that a transfer is."""
    fields = ("artifact", "partner", "agreement", "purpose", "impact", "actor")
    return sha256(canonical({name: getattr(transfer, name) for name in fields}))


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
    if objection(parts, transfer, said, approver) is not None:
        return None
    facts = BreakGlassFacts(
        ticket=said.ticket,
        requester=said.requester,
        approver=approver,
        waives=said.waives,
        expires=said.expires,
    )
    return ticket, said, facts


def objection(parts: Parts, transfer: Outgoing, said: BreakGlass, approver: str) -> str | None:
    """Return why a verified statement does not count for a transfer now; None if it does."""
    return next(_objections(parts, transfer, said, approver), None)


def _objections(parts: Parts, transfer: Outgoing, said: BreakGlass, approver: str) -> Iterator[str]:
    expected = {
        "transfer": transfer.id,
        "sender": parts.organization,
        "receiver": transfer.partner,
        "artifact": transfer.artifact,
        "agreement": transfer.agreement,
        "purpose": transfer.purpose,
        "plan": plan_digest(transfer),
        "policy": parts.judge.bundle_digest,
    }
    for name, value in expected.items():
        found = str(getattr(said, name))
        if found != value:
            yield f"it is about {name} {found[:64]}, expected {value[:64]}"
    now = parts.clock()
    if approver in {said.requester, transfer.actor}:
        yield f"{approver} approved what they asked for themselves"
    if said.expires - said.not_before > LIFE:
        yield "it claims to last longer than four hours"
    if now + SKEW < max(said.not_before, said.issued):
        yield "it is from the future"
    if now >= said.expires:
        yield "it has expired"
    refused = [code for code in said.waives if not waivable(code)]
    if refused:
        yield f"it waives {', '.join(refused)}, which nothing waives"
    if not parts.free(said.nonce, transfer.id):
        yield "another transfer used it"
