"""The gateway's parts, composed from an office."""

from engine.gateway.parts import GatewayParts
from engine.wire.journal import Journal
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
        log_keys=office.log_keys,
        standing=lambda digest: office.agreement(digest)[1],
        remember=office.checkpoints.receive,
        checkpoints=office.checkpoints,
        newest_checkpoint=office.newest_checkpoint,
        keep_attestation=office.keep_attestation,
        zone=settings.zones.of,
        document=lambda: own_document(office.layout),
    )


def own_document(layout: Layout) -> bytes:
    """Return this organization's signed trust document."""
    return (layout.trust / "own" / "trust.json").read_bytes()
