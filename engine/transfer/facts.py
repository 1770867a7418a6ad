"""What policy is told about an artifact, an agreement and a transfer: verified facts, never claims."""

from collections.abc import Sequence
from datetime import datetime

from engine.agreement import SENSITIVITIES, Standing
from engine.custody.links import Link
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


def onward_facts(chain: Sequence[Link], now: datetime) -> AgreementFacts | None:
    """Return what a receiver can prove of the agreement under which the sender came to hold an artifact.

    The parties are proved by the offer and the receipt, the terms by the offer, in which the provider let them be
    told. Nobody outside can see whether the agreement was superseded meanwhile.

    Returns:
        None unless every link of the chain is verified, and the last offer says that the agreement allows it.
    """
    if not chain or not all(link.verified for link in chain):
        return None
    offer = chain[-1].offer
    terms = offer.onward
    if terms is None:
        return None
    return AgreementFacts(
        digest=offer.agreement,
        in_force=terms.effective <= now < terms.expires,
        signed_by_provider=True,
        signed_by_consumer=True,
        purposes=terms.purposes,
        actions=terms.actions,
        destinations=terms.destinations,
        max_sensitivity=terms.sensitivity_ceiling,
        onward_transfer=True,
        provider=offer.sender,
        consumer=offer.receiver,
        effective=terms.effective,
        expires=terms.expires,
    )
