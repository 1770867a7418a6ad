"""The gateway's parts, composed from an office."""

from engine.gateway.parts import GatewayParts
from engine.transfer.tickets import REVIEWED, USED
from engine.wire.journal import Journal
from engine.workspace.custody.disclosing import disclose_annex
from engine.workspace.custody.logs import cited_here, witnessed_checkpoint
from engine.workspace.layout import Layout
from engine.workspace.office import Office


def gateway_parts(office: Office, journal: Journal) -> GatewayParts:
    """Compose what the gateway needs from this office."""
    settings = office.settings
    return GatewayParts(
        organization=office.organization,
        region=settings.organization.region,
        identity=settings.service_identity,
        clock=office.clock,
        log=office.log,
        table=office.incoming,
        journal=journal,
        store=office.store,
        registry=office.registry,
        agreements=office.agreements,
        judge=office.judge,
        witness=office.witness,
        sign=lambda statement: office.sign(statement, settings.service_identity),
        trust=office.trust.organization_trust,
        log_about=office.logs.about,
        log_numbered=office.logs.numbered,
        log_keys=office.log_keys,
        standing=lambda digest: office.agreement(digest)[1],
        remember=office.checkpoints.receive,
        checkpoints=office.checkpoints,
        newest_checkpoint=office.newest_checkpoint,
        keep_attestation=office.keep_attestation,
        zone=settings.zones.of,
        document=lambda: own_document(office.layout),
        sent_to=lambda transfer: sent_to(office, transfer),
        cited=lambda transfer: cited_here(office, transfer),
        statements=lambda transfer: approvals_of(office, transfer),
        witnessed_checkpoint=lambda partner, transfer: witnessed_checkpoint(office, partner, transfer),
        annex=lambda transfer, asked: disclose_annex(office, transfer, asked),
        discloses=settings.policy.disclose,
    )


def sent_to(office: Office, transfer: str) -> str | None:
    """Return whom this organization sends a transfer to, by its whole id; None if it does not."""
    found = office.outgoing.find(transfer)
    return found.partner if found else None


def approvals_of(office: Office, transfer: str) -> dict[str, bytes]:
    """Return the bundles of the approval and the ticket that a transfer rested on, by their names in a bill."""
    ticket = office.tickets.of_transfer(transfer, (USED, REVIEWED))
    found = {"approval": office.outgoing.document(transfer, "approval"), "break-glass": ticket and ticket.statement}
    return {name: bundle for name, bundle in found.items() if bundle}


def own_document(layout: Layout) -> bytes:
    """Return this organization's signed trust document."""
    return (layout.trust / "own" / "trust.json").read_bytes()
