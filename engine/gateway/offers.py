"""Examining an offer: who made it, whether it is whole, and whether policy takes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.agreement import Standing
from engine.checks import Evidence, Space, Use, offered_files, preflight
from engine.custody.links import Link, examine_chain
from engine.custody.statements import Offer, OnwardTerms
from engine.digest import canonical, sha256
from engine.errors import EvidenceError, InputError, LadingError
from engine.events import SKEW, Event, event_id, timestamp
from engine.findings import Report
from engine.gateway.parts import RESERVE_BYTES, GatewayParts
from engine.manifest import ChunkMap, Manifest, parse_chunk_map, parse_manifest
from engine.policy.facts import TransferFacts
from engine.policy.model import Decision
from engine.signing import OrganizationTrust
from engine.transfer.facts import agreement_facts, artifact_facts, onward_facts
from engine.wire.messages import OfferMessage
from engine.wire.problem import ProblemError

MOST_BEFORE: Final = 100
"""How many entries the log may have under the id of an offer and still take another: all are of offers it refused."""
WHY_LIMIT: Final = 2000
"""The most characters that are kept of a reason: what a partner sent may be in it."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer that is what it says it is; whether it is acceptable is another question.

    Attributes:
        offer: what was signed.
        digest: SHA-256 of the signed statement.
        signed: when it was signed, by the clock of its sender.
        manifest: what is offered.
        chunks: how it is cut.
        message: everything that came, as it came.
        chain: how its sender came to hold it, as far as that is proved; empty if the sender made it.
    """

    offer: Offer
    digest: str
    signed: datetime
    manifest: Manifest
    chunks: ChunkMap
    message: OfferMessage
    chain: tuple[Link, ...]


def read_offer(parts: GatewayParts, peer: str, message: OfferMessage) -> Offered:
    """Verify an offer's signature and bindings. A chain of custody that does not hold is recorded first.

    Raises:
        ProblemError: 400 if it is not whole, 403 if its signature does not count, 409 if it is for somebody else.
    """
    try:
        signed = parts.trust(peer).verify(canonical(message.offer), predicate_type=Offer.predicate_type())
        offer = Offer.read(signed)
    except EvidenceError as error:
        raise ProblemError(
            403, "The offer's signature does not verify", str(error), codes=("offer-signature",)
        ) from None
    if (offer.sender, offer.receiver) != (peer, parts.organization):
        raise ProblemError(409, "The offer is between other organizations", codes=("offer-audience",))
    try:
        manifest = parse_manifest(message.manifest.encode())
        chunks = parse_chunk_map(message.chunks.encode(), manifest)
    except InputError as error:
        raise ProblemError(400, "The offer is not whole", str(error), codes=("offer-malformed",)) from None
    stated = (offer.manifest, offer.chunks, offer.artifact)
    if stated != (manifest.digest, chunks.digest, manifest.root):
        raise ProblemError(400, "The offer is about another artifact than it carries", codes=("offer-mismatch",))
    digest = sha256(signed.payload)
    chain = _read_chain(parts, offer, digest, manifest, message)
    return Offered(offer, digest, signed.time, manifest, chunks, message, chain)


def _read_chain(
    parts: GatewayParts, offer: Offer, digest: str, manifest: Manifest, message: OfferMessage
) -> tuple[Link, ...]:
    """Verify the chain of custody that came with an offer, under the trust pinned here.

    Raises:
        ProblemError: 403, it is not the chain the offer names, or contradicts itself.
    """
    try:
        return examine_chain(
            [link.bundles() for link in message.custody or ()],
            newest=offer.custody,
            artifact=offer.artifact,
            manifest=offer.manifest,
            origin=manifest.organization,
            holder=offer.sender,
            trust=lambda organization: _pinned(parts, organization),
        )
    except EvidenceError as error:
        if not _worn_out(parts, offer):
            parts.log.record(_custody_refused(parts, offer, digest, str(error)))
        raise ProblemError(
            403,
            "The chain of custody does not hold",
            str(error),
            codes=("custody-refused",),
            remedy="Send the chain as it came to you, and whole.",
        ) from None


def _custody_refused(parts: GatewayParts, offer: Offer, digest: str, why: str) -> Event:
    """Return the event that says which signed offer came with a chain that does not hold; once for each reason."""
    return Event(
        id=event_id(offer.transfer, f"custody.refused:{digest}:{sha256(why.encode())}"),
        type="custody.refused",
        actor=parts.identity,
        artifact=offer.artifact,
        partner=offer.sender,
        transfer=offer.transfer,
        agreement=offer.agreement,
        statement=digest,
        payload={"newest": offer.custody, "why": why[:WHY_LIMIT]},
    )


def examine(parts: GatewayParts, offered: Offered, standing: Standing) -> Report:
    """Run the receiver's preflight checks."""
    offer = offered.offer
    return preflight(
        files=offered_files(offered.message.manifest.encode(), offered.message.chunks.encode()),
        evidence=evidence_of(parts, offered.manifest, offered.message),
        standing=standing,
        use=Use(offer.sender, parts.organization, offer.purpose, parts.region),
        space=Space(parts.store.free_bytes, offered.manifest.size, RESERVE_BYTES),
    )


def evidence_of(parts: GatewayParts, manifest: Manifest, message: OfferMessage) -> Evidence:
    """Return what came with an artifact, and whom to believe about it."""
    return Evidence(
        manifest=manifest,
        model_signature=canonical(message.model_signature),
        manifest_attestation=canonical(message.manifest_attestation),
        origin=_pinned(parts, manifest.organization),
    )


def ask_receive(
    parts: GatewayParts, offered: Offered, standing: Standing, failed: tuple[str, ...], *, signed: bool, zone: str
) -> Decision:
    """Ask policy whether the gateway may receive this; the answer is recorded before it is returned."""
    offer = offered.offer
    return parts.judge.ask(
        "receive",
        parts.identity,
        artifact=artifact_facts(offered.manifest, quarantined=False, signed=signed),
        agreement=agreement_facts(standing),
        transfer=TransferFacts(
            purpose=offer.purpose,
            destination_org=parts.organization,
            destination_region=parts.region,
            initiator=offer.requester,
            mtls=True,  # listeners take no other connections, and the owner verified the certificate again
            zone=zone,
            preflight_passed=not failed,
            preflight_failed=failed,
        ),
        received_under=onward_facts(offered.chain, parts.clock()),
        about={"transfer": offer.transfer, "partner": offer.sender},
    )


def check_terms(offer: Offer, standing: Standing) -> None:
    """Check that an offer was made while its agreement binds, and lets others know of it what it says.

    Raises:
        InputError: it is from before or after, or says something else. To say nothing is the sender's right.
    """
    agreement = standing.agreement
    if not agreement.effective <= offer.issued < agreement.expires:
        raise InputError(
            f"the offer is of {timestamp(offer.issued)}, its agreement binds from "
            f"{timestamp(agreement.effective)} until {timestamp(agreement.expires)}",
            remedy="Make a new offer, and compare the clocks of both sides.",
        )
    if offer.onward is not None and offer.onward != OnwardTerms.of_agreement(standing.agreement):
        raise InputError(
            "the offer tells other terms of onward transfer than its agreement has",
            remedy="Make a new offer under the agreement as it stands.",
        )


def check_current(parts: GatewayParts, offered: Offered) -> None:
    """Check that an offer may be accepted now.

    Raises:
        ProblemError: 409, it has expired or is from the future.
    """
    now, offer = parts.clock(), offered.offer
    if offer.expires <= now or max(offer.issued, offered.signed) > now + SKEW:
        raise ProblemError(
            409,
            "The offer is not valid now",
            codes=("offer-expired",),
            remedy="Make a new offer, and compare the clocks of both sides.",
        )


def check_id(parts: GatewayParts, offer: Offer) -> None:
    """Check that the id of a new offer names nothing else, and that the log is not full of what was refused under it.

    INVARIANT: a sender, which chooses the id, cannot bury a transfer in its own log entries, nor in ours of another.

    Raises:
        ProblemError: 409; nothing is recorded of the offer.
    """
    if parts.sent_to(offer.transfer) is not None or _worn_out(parts, offer):
        raise ProblemError(
            409,
            "The offer needs another id",
            "a transfer the other way has it, or too many offers with it were refused",
            codes=("offer-reused",),
            remedy="Make a new offer, with a fresh id.",
        )


def _worn_out(parts: GatewayParts, offer: Offer) -> bool:
    said = (entry.public.get("partner") for entry in parts.log.of_transfer(offer.transfer))
    return sum(partner == offer.sender for partner in said) >= MOST_BEFORE


def _pinned(parts: GatewayParts, organization: str) -> OrganizationTrust | None:
    try:
        return parts.trust(organization)
    except LadingError:
        return None
