"""Asking policy about a transfer: the facts gathered and verified anew each time."""

from dataclasses import dataclass, replace
from typing import Any

from engine.custody.statements import Approval, BreakGlass
from engine.digest import JSON
from engine.errors import EvidenceError
from engine.policy.facts import BreakGlassFacts, TransferFacts
from engine.policy.model import Condition, Decision
from engine.transfer.authorization import Preflight, kept_preflight, objection
from engine.transfer.break_glass import valid_ticket
from engine.transfer.facts import agreement_facts, artifact_facts
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.transfer.reports import transfer_event
from engine.transfer.tickets import Ticket


def ask_send(parts: Parts, transfer: Outgoing) -> Decision:
    """Ask whether a transfer may go on, over a connection made for the purpose.

    Policy sees the network zone that this connection reached; a permit's is kept, for all that follow. What a permit
    rests on, an approval or a break-glass ticket, is used up for this transfer before it is returned.

    Raises:
        PartnerUnreachable, Interrupted, UntrustedPeer: there is no mutually authenticated connection.
        UsageError: another transfer used the approval or the ticket meanwhile.
    """
    zones: list[str] = []
    parts.remember(transfer.partner, parts.connect(transfer.partner, zones.append).checkpoint())
    facts, lost = _entitled(parts, transfer, _facts(parts, transfer))
    decision = _ask(parts, transfer, facts, "send", transfer.actor, zone=zones[-1])
    if not decision.permitted:
        return replace(decision, conditions=(*decision.conditions, *lost))
    parts.table.keep(transfer.id, {"zone": zones[-1].encode()})
    _use(parts, transfer, facts)
    return decision


def ask_second(parts: Parts, transfer: Outgoing, action: str, person: str, *, actor: str | None = None) -> Decision:
    """Ask whether a second person may let a transfer go: `approve` or `breakGlass`.

    The question is the same before they sign and whenever what they signed is used: nothing signed is among its facts.

    Args:
        parts: the rooms a transfer passes through.
        transfer: the transfer.
        action: what they do.
        person: who they are.
        actor: who asks, for the log, if it is not they.
    """
    facts = _Facts(kept_preflight(parts, transfer), None, None)
    return _ask(parts, transfer, facts, action, person, zone=None, actor=actor)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the sender knows of a transfer, verified just now."""

    checked: Preflight
    approval: tuple[str, Approval] | None
    ticket: tuple[Ticket, BreakGlass, BreakGlassFacts] | None


def _facts(parts: Parts, transfer: Outgoing) -> _Facts:
    checked = kept_preflight(parts, transfer)
    ticket = None if checked.passed else valid_ticket(parts, transfer)
    return _Facts(checked, valid_approval(parts, transfer), ticket)


def _entitled(parts: Parts, transfer: Outgoing, facts: _Facts) -> tuple[_Facts, tuple[Condition, ...]]:
    """Leave out what was signed by somebody who may no longer sign it; return the conditions that say why."""
    lost: list[Condition] = []
    if facts.approval is not None and (why := _lost(parts, transfer, "approve", facts.approval[0])):
        facts, lost = replace(facts, approval=None), [*lost, *why]
    if facts.ticket is not None and (why := _lost(parts, transfer, "breakGlass", facts.ticket[2].approver)):
        facts, lost = replace(facts, ticket=None), [*lost, *why]
    return facts, tuple(lost)


def _lost(parts: Parts, transfer: Outgoing, action: str, signatory: str) -> list[Condition]:
    """Return what keeps a signatory from signing again, each with their name; nothing if they still may.

    In the log it is the requester who asks: the signatory attempts nothing.
    """
    denied = ask_second(parts, transfer, action, signatory, actor=transfer.actor)
    if denied.permitted:
        return []
    told: dict[str, JSON] = {"approver": signatory}
    remedy = next(iter(denied.remedies), "Ask somebody else who may sign it.")
    found = denied.conditions or (Condition(denied.because[0], action, None, {}, remedy),)
    return [replace(each, values={**told, **each.values}) for each in found]


def _ask(
    parts: Parts,
    transfer: Outgoing,
    facts: _Facts,
    action: str,
    identity: str,
    *,
    zone: str | None,
    actor: str | None = None,
) -> Decision:
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
            mtls=zone is not None,
            zone=zone or "",
            preflight_passed=facts.checked.passed,
            preflight_failed=facts.checked.failed,
            approved=facts.approval is not None,
            approver=facts.approval[0] if facts.approval else None,
            break_glass=facts.ticket[2] if facts.ticket else None,
        ),
        received_under=received_under,
        about={"transfer": transfer.id, "partner": transfer.partner, "actor": actor or identity},
    )


def _use(parts: Parts, transfer: Outgoing, facts: _Facts) -> None:
    """Use up what a permit rested on; a ticket's use is in the log before anything moves."""
    if facts.approval is not None:
        parts.consume(facts.approval[1].nonce, transfer.id)
    if facts.ticket is None:
        return
    ticket, said, verified = facts.ticket
    parts.consume(said.nonce, transfer.id)
    payload: dict[str, JSON] = {
        "ticket": said.ticket,
        "waives": list(said.waives),
        "approver": verified.approver,
        "reason": ticket.reason,
        "review": "open",
    }
    parts.recorder.record(transfer_event(transfer, "breakglass.used", ticket.id, payload))
    parts.tickets.use(ticket, parts.clock().timestamp())


def asked_of_approver(parts: Parts, transfer: Outgoing) -> dict[str, Any]:
    """Return what an approver is asked to sign, besides what the transfer is."""
    return {"requester": transfer.actor, "waives": kept_preflight(parts, transfer).failed}


def valid_approval(parts: Parts, transfer: Outgoing) -> tuple[str, Approval] | None:
    """Return who approved this very transfer, and what they signed, if it counts now."""
    kept = parts.table.document(transfer.id, "approval")
    if kept is None:
        return None
    try:
        signed = parts.trust(parts.organization).verify(kept, predicate_type=Approval.predicate_type())
        said = Approval.read(signed)
    except EvidenceError:
        return None
    approver = signed.signatory.identity
    against = objection(parts, transfer, asked_of_approver(parts, transfer), said, approver)
    return (approver, said) if against is None else None
