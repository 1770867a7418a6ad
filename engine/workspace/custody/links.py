"""Custody of what was received: the link this organization adds to its chain before it hands an artifact on."""

import json
from typing import Any

from engine.custody.links import Link, examine_chain
from engine.custody.statements import CustodyLink, DeliveryReceipt, Offer, Predicate, Verdict
from engine.digest import canonical, sha256
from engine.errors import InputError, LadingError
from engine.gateway.incoming import Incoming
from engine.manifest.artifact import Artifact
from engine.policy.facts import AgreementFacts
from engine.signing import OrganizationTrust, Signed
from engine.transfer.facts import onward_facts
from engine.wire.messages import LinkMessage, OfferMessage
from engine.workspace.office import Office

KEY_ID = 32
"""Hexadecimal characters of a key id."""


def onward_chain(office: Office, artifact: Artifact) -> tuple[tuple[LinkMessage, ...], str | None]:
    """Return how this organization came to hold an artifact, oldest handoff first, and the newest link's digest.

    The newest link is this organization's own: it is signed the first time it is needed, and kept.

    Returns:
        Nothing, and None, if the artifact was packed here.

    Raises:
        InputError: what was kept of the transfer that brought it is gone.
        UntrustedIdentity: the gateway is not listed for custody links in this organization's own trust document.
        BadSignature: the chain does not hold any more under the trust that is pinned now.
    """
    if artifact.transfer is None:
        return (), None
    came = office.incoming.find(artifact.transfer)
    if came is None:
        raise _gone("record", artifact.transfer)
    message = OfferMessage.parse(_kept(office, came, "message"))
    earlier = message.custody or ()
    own = {"offer": message.offer} | {name: json.loads(_kept(office, came, name)) for name in ("receipt", "verdict")}
    own["link"] = json.loads(_own_link(office, artifact, came, own, len(earlier) + 1))
    chain = (*earlier, LinkMessage(**own))
    newest = sha256(_verified(office, office.organization, own["link"], CustodyLink).payload)
    examine_chain(
        [link.bundles() for link in chain],
        newest=newest,
        artifact=artifact.root,
        manifest=artifact.manifest.digest,
        origin=artifact.origin,
        holder=office.organization,
        trust=lambda organization: pinned(office, organization),
    )
    return chain, newest


def owner_terms(office: Office, artifact: Artifact) -> AgreementFacts | None:
    """Return what its owner lets be told of the agreement under which whoever handed it on had received an artifact.

    Returns:
        None if it came from its owner or was packed here, or if its chain of custody is not verified end to end.
    """
    came = office.incoming.find(artifact.transfer) if artifact.transfer else None
    kept = office.incoming.document(came.id, "message") if came else None
    if came is None or kept is None:
        return None
    try:
        return onward_facts(received_chain(office, artifact, came, OfferMessage.parse(kept)), office.clock())
    except LadingError:
        return None


def received_chain(office: Office, artifact: Artifact, came: Incoming, message: OfferMessage) -> tuple[Link, ...]:
    """Examine the chain of custody that came with a transfer, under the trust that is pinned now; empty if none came.

    Raises:
        SignatureError: the offer does not verify any more, or the chain does not hold.
        InputError: the sender is not pinned any more.
    """
    if message.custody is None:
        return ()
    offer = Offer.read(_verified(office, came.partner, message.offer, Offer))
    return examine_chain(
        [link.bundles() for link in message.custody],
        newest=offer.custody,
        artifact=artifact.root,
        manifest=offer.manifest,
        origin=artifact.origin,
        holder=came.partner,
        trust=lambda organization: pinned(office, organization),
    )


def key_id(office: Office, agreement: str) -> str:
    """Return the id of the key that what came under an agreement is sealed to; it tells nothing of the key."""
    return sha256(office.store.open_scope(agreement).public)[:KEY_ID]


def pinned(office: Office, organization: str) -> OrganizationTrust | None:
    """Return the trust pinned for an organization, this one included; None if there is none that can be read."""
    try:
        return office.trust.organization_trust(organization)
    except LadingError:
        return None


def _own_link(office: Office, artifact: Artifact, came: Incoming, own: dict[str, Any], position: int) -> bytes:
    """Return the link kept for the transfer that brought an artifact, signing it the first time."""
    kept = office.incoming.document(came.id, "link")
    if kept is not None:
        return kept
    offered = _verified(office, came.partner, own["offer"], Offer)
    offer = Offer.read(offered)
    link = CustodyLink(
        **offer.shared(issued=office.clock(), checkpoint=office.newest_checkpoint(offer.sender)),
        position=position,
        previous=offer.custody,
        offer=sha256(offered.payload),
        receipt=sha256(_verified(office, office.organization, own["receipt"], DeliveryReceipt).payload),
        verdict=sha256(_verified(office, office.organization, own["verdict"], Verdict).payload),
        purpose=offer.purpose,
        licence=artifact.manifest.licence,
        sealed_to=key_id(office, offer.agreement),
    )
    signed = office.sign(link.statement(), office.settings.service_identity)
    office.incoming.save(came, state=came.state, step=came.step, detail=came.detail, documents={"link": signed})
    return signed


def _verified(office: Office, organization: str, bundle: dict[str, Any], kind: type[Predicate]) -> Signed:
    trust = office.trust.organization_trust(organization)
    return trust.verify(canonical(bundle), predicate_type=kind.predicate_type())


def _kept(office: Office, came: Incoming, name: str) -> bytes:
    kept = office.incoming.document(came.id, name)
    if kept is None:
        raise _gone(name, came.id)
    return kept


def _gone(what: str, transfer: str) -> InputError:
    return InputError(
        f"the {what} of {transfer}, which brought the artifact, is not kept here any more",
        remedy="Restore state/gateway.db from a backup, or have the artifact delivered again.",
    )
