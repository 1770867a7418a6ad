"""Asking policy about a transfer: the facts gathered and verified anew each time."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.custody.statements import Approval
from engine.errors import EvidenceError
from engine.policy.facts import TransferFacts
from engine.policy.model import Decision
from engine.transfer.facts import agreement_facts, artifact_facts
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts

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

    Raises:
        PartnerUnreachable, Interrupted, UntrustedPeer: there is no mutually authenticated connection.
    """
    parts.remember(transfer.partner, parts.connect(transfer.partner).checkpoint())
    return _ask(parts, transfer, "send", transfer.actor, mtls=True)


def ask_approve(parts: Parts, transfer: Outgoing, approver: str) -> Decision:
    """Ask whether somebody may approve a transfer."""
    return _ask(parts, transfer, "approve", approver, mtls=False)


def _ask(parts: Parts, transfer: Outgoing, action: str, identity: str, *, mtls: bool) -> Decision:
    artifact = parts.registry.get(transfer.artifact)
    checked = kept_preflight(parts, transfer)
    approval = valid_approval(parts, transfer)
    return parts.judge.ask(
        action,
        identity,
        artifact=artifact_facts(artifact.manifest, quarantined=artifact.state != "packed", signed=checked.signed),
        agreement=agreement_facts(parts.standing(transfer.agreement)),
        transfer=TransferFacts(
            purpose=transfer.purpose,
            destination_org=transfer.partner,
            destination_region=parts.region(transfer.partner),
            initiator=transfer.actor,
            mtls=mtls,
            zone="partner" if mtls else "",
            preflight_passed=checked.passed,
            preflight_failed=checked.failed,
            approved=approval is not None,
            approver=approval,
        ),
        about={"transfer": transfer.id, "partner": transfer.partner},
    )


def kept_preflight(parts: Parts, transfer: Outgoing) -> Preflight:
    """Return what the preflight checks found; nothing kept counts as failed."""
    kept = parts.table.document(transfer.id, "preflight")
    if kept is None:
        return Preflight(passed=False, failed=("preflight-missing",))
    report = json.loads(kept)
    failed = {finding["code"] for finding in report["findings"] if finding["severity"] == "error"}
    return Preflight(bool(report["passed"]) and not failed, tuple(sorted(failed)))


def valid_approval(parts: Parts, transfer: Outgoing) -> str | None:
    """Return who approved this very transfer, if their signed approval still counts.

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
    current = approval.policy == parts.judge.bundle_digest and parts.clock() < approval.expires
    return signed.signatory.identity if named == this and current else None
