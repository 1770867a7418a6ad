"""What policy is told about an artifact, an agreement and a transfer: verified facts, never claims."""

from engine.agreement import SENSITIVITIES, Standing
from engine.manifest import Manifest
from engine.policy.facts import AgreementFacts, ArtifactFacts


def artifact_facts(manifest: Manifest, *, quarantined: bool, signed: bool) -> ArtifactFacts:
    """Return what policy is told about an artifact.

    Args:
        manifest: what it is.
        quarantined: whether no verdict released it (or a verdict refused it).
        signed: whether its owner's signatures were verified just now.
    """
    return ArtifactFacts(
        root=manifest.root,
        name=manifest.name,
        version=manifest.version,
        owner_org=manifest.organization,
        sensitivity=SENSITIVITIES.index(manifest.sensitivity),
        project=manifest.project,
        jurisdiction=manifest.jurisdiction,
        export_class=manifest.export_class,
        residency=manifest.residency,
        quarantined=quarantined,
        signed=signed,
    )


def agreement_facts(standing: Standing) -> AgreementFacts:
    """Return what policy is told about an agreement, as it stands now."""
    agreement, terms = standing.agreement, standing.agreement.terms
    return AgreementFacts(
        digest=agreement.digest,
        in_force=standing.in_force,
        signed_by_provider=agreement.provider in standing.signed,
        signed_by_consumer=agreement.consumer in standing.signed,
        purposes=terms.purposes,
        actions=terms.actions,
        destinations=terms.destinations,
        max_sensitivity=terms.sensitivity_ceiling,
        onward_transfer=terms.onward_transfer,
        provider=agreement.provider,
        consumer=agreement.consumer,
        effective=agreement.effective,
        expires=agreement.expires,
    )
