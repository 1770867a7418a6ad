"""Asking policy about a transfer: the facts gathered and verified anew each time."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.custody.statements import Approval, BreakGlass
from engine.digest import JSON
from engine.errors import EvidenceError
from engine.policy.facts import BreakGlassFacts, TransferFacts
from engine.policy.model import Decision
from engine.transfer.break_glass import SKEW, valid_ticket
from engine.transfer.facts import agreement_facts, artifact_facts
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.transfer.reports import transfer_event
from engine.transfer.tickets import Ticket

APPROVAL_LIFE: Final = timedelta(hours=4)
SIGNATURES: Final = ("model-signature", "manifest-attestation", "origin-unknown")


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the preflight checks found, as it was kept."""

    passed: bool
    failed: tuple[str, ...]

    @property
    def signed(self) -> bool:
        """Whether the artifact's signatures verified."""
        return not any(code.startswith(SIGNATURES) for code in self.failed)


def ask_send(parts: Parts, transfer: Outgoing) -> Decision:
    """Ask whether a transfer may go on, over a connection made for the purpose.

    What a permit rests on, an approval or a break-glass ticket, is used up for this transfer before it is returned.

    Raises:
        PartnerUnreachable, Interrupted, UntrustedPeer: there is no mutually authenticated connection.
        UsageError: another transfer used the approval or the ticket meanwhile.
    """
    parts.remember(transfer.partner, parts.connect(transfer.partner).checkpoint())
    facts = _facts(parts, transfer)
    decision = _ask(parts, transfer, facts, "send", transfer.actor, mtls=True)
    if decision.permitted:
        _use(parts, transfer, facts)
    return decision


def ask_second(parts: Parts, transfer: Outgoing, action: str, approver: str) -> Decision:
    """Ask whether a second person may let a transfer go: `approve` or `breakGlass`."""
    return _ask(parts, transfer, _facts(parts, transfer), action, approver, mtls=False)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the sender knows of a transfer, verified just now."""

    checked: Preflight
    approval: tuple[str, str] | None
    ticket: tuple[Ticket, BreakGlass, BreakGlassFacts] | None


def _facts(parts: Parts, transfer: Outgoing) -> _Facts:
    return _Facts(kept_preflight(parts, transfer), valid_approval(parts, transfer), valid_ticket(parts, transfer))


def _ask(parts: Parts, transfer: Outgoing, facts: _Facts, action: str, identity: str, *, mtls: bool) -> Decision:
    artifact = parts.registry.get(transfer.artifact)
    received_under = agreement_facts(parts.standing(artifact.agreement)) if artifact.agreement else None
    return parts.judge.ask(
        action,
        identity,
        artifact=artifact_facts(artifact.manifest, quarantined=artifact.quarantined, signed=facts.checked.signed),
        agreement=agreement_facts(parts.standing(transfer.agreement)),
        transfer=TransferFacts(
            purpose=transfer.purpose,
            destination_org=transfer.partner,
            destination_region=parts.region(transfer.partner),
            initiator=transfer.actor,
            mtls=mtls,
            zone=parts.zone(transfer.partner) if mtls else "",
            preflight_passed=facts.checked.passed,
            preflight_failed=facts.checked.failed,
            approved=facts.approval is not None,
            approver=facts.approval[0] if facts.approval else None,
            break_glass=facts.ticket[2] if facts.ticket else None,
        ),
        received_under=received_under,
        about={"transfer": transfer.id, "partner": transfer.partner},
    )


def _use(parts: Parts, transfer: Outgoing, facts: _Facts) -> None:
    """Use up what a permit rested on; a ticket's use is in the log before anything moves."""
    if facts.approval is not None:
        parts.consume(facts.approval[1], transfer.id)
    if facts.ticket is None or facts.checked.passed:
        return
    ticket, said, verified = facts.ticket
    parts.consume(said.nonce, transfer.id)
    parts.tickets.use(ticket)
    payload: dict[str, JSON] = {
        "ticket": said.ticket,
        "waives": list(said.waives),
        "approver": verified.approver,
        "reason": ticket.reason,
        "review": "open",
    }
    parts.recorder.record(transfer_event(transfer, "breakglass.used", ticket.id, payload))


def kept_preflight(parts: Parts, transfer: Outgoing) -> Preflight:
    """Return what the preflight checks found; nothing kept counts as failed."""
    kept = parts.table.document(transfer.id, "preflight")
    if kept is None:
        return Preflight(passed=False, failed=("preflight-missing",))
    report = json.loads(kept)
    failed = {finding["code"] for finding in report["findings"] if finding["severity"] == "error"}
    return Preflight(bool(report["passed"]) and not failed, tuple(sorted(failed)))


def valid_approval(parts: Parts, transfer: Outgoing) -> tuple[str, str] | None:
    """Return who approved this very transfer, and the approval's nonce, if their signed approval still counts.

    It counts for the artifact, partner, agreement, purpose and requester it names, for the policy bundle it was
    given under, and until it expires. A new bundle voids it.
    """
    kept = parts.table.document(transfer.id, "approval")
    if kept is None:
        return None
    try:
        signed = parts.trust(parts.organization).verify(kept, predicate_type=Approval.predicate_type())
        approval = Approval.read(signed)
    except EvidenceError:
        return None
    named = (
        approval.transfer,
        approval.receiver,
        approval.artifact,
        approval.agreement,
        approval.purpose,
        approval.requester,
    )
    this = (
        transfer.id,
        transfer.partner,
        transfer.artifact,
        transfer.agreement,
        transfer.purpose,
        transfer.actor,
    )
    now = parts.clock()
    current = (
        approval.policy == parts.judge.bundle_digest
        and approval.issued - SKEW < now < approval.expires
        and approval.expires - approval.issued <= APPROVAL_LIFE
        and parts.free(approval.nonce, transfer.id)
    )
    return (signed.signatory.identity, approval.nonce) if named == this and current else None
