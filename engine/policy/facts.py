"""Verified facts, put into a request. Whoever fills these in has verified them: policies take them for true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.digest import JSON
from engine.policy.directory import Directory
from engine.policy.model import Entity, EntityUid, Request, moment

PARTNER_ZONE: Final = "partner"
"""The network zone of every connection where no zones are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """What is known about an artifact.

    Attributes:
        root: root digest.
        name: its name.
        version: its version.
        owner_org: the organization whose signature vouches for it.
        sensitivity: 0 public, 1 internal, 2 confidential, 3 restricted.
        project: the owner's project it belongs to, if any.
        jurisdiction: whose law it is under, such as `DE`; None if nobody declared it.
        export_class: its export control classification; None if nobody declared it.
        residency: the only regions where it may lie; empty for anywhere.
        quarantined: True from its arrival until a verdict released it, and again once it was rejected.
        signed: whether its owner's signature over its files and its manifest verifies.
    """

    root: str
    name: str
    version: str
    owner_org: str
    sensitivity: int
    project: str | None = None
    jurisdiction: str | None = None
    export_class: str | None = None
    residency: Sequence[str] = ()
    quarantined: bool
    signed: bool

    @property
    def uid(self) -> EntityUid:
        """What Cedar calls it."""
        return EntityUid("Artifact", self.root)

    def attributes(self) -> dict[str, JSON]:
        """Return its Cedar attributes; what nobody declared is left out."""
        declared: dict[str, JSON] = {
            "project": EntityUid("Project", self.project).reference() if self.project else None,
            "jurisdiction": self.jurisdiction,
            "exportClass": self.export_class,
            "residency": sorted(self.residency) or None,
        }
        return {
            "name": self.name,
            "version": self.version,
            "owner": EntityUid("Organization", self.owner_org).reference(),
            "sensitivity": self.sensitivity,
            "quarantined": self.quarantined,
            "signed": self.signed,
            **{name: value for name, value in declared.items() if value is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFacts:
    """How an agreement stands, and its terms.

    Attributes:
        digest: SHA-256 of its canonical form.
        in_force: whether it binds both parties now, for every reason there is.
        signed_by_provider: whether the provider's signature verifies.
        signed_by_consumer: whether the consumer's signature verifies.
        purposes: what the artifact may be used for.
        actions: what the consumer may do with it.
        destinations: regions it may be taken to.
        max_sensitivity: the rank of the most sensitive artifact that may travel under it.
        onward_transfer: whether the consumer may hand it to others.
        provider: the organization that hands over.
        consumer: the organization that takes.
        effective: it binds from this moment.
        expires: and no longer from this one.
    """

    digest: str
    in_force: bool
    signed_by_provider: bool
    signed_by_consumer: bool
    purposes: Sequence[str]
    actions: Sequence[str]
    destinations: Sequence[str]
    max_sensitivity: int
    onward_transfer: bool
    provider: str
    consumer: str
    effective: datetime
    expires: datetime

    def record(self) -> dict[str, JSON]:
        """Return it as the record `Agreement` of the schema."""
        return {
            "digest": self.digest,
            "provider": EntityUid("Organization", self.provider).reference(),
            "consumer": EntityUid("Organization", self.consumer).reference(),
            "inForce": self.in_force,
            "signedByProvider": self.signed_by_provider,
            "signedByConsumer": self.signed_by_consumer,
            "effective": moment(self.effective),
            "expires": moment(self.expires),
            "purposes": sorted(self.purposes),
            "actions": sorted(self.actions),
            "destinations": sorted(self.destinations),
            "maxSensitivity": self.max_sensitivity,
            "onwardTransfer": self.onward_transfer,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassFacts:
    """A ticket whose signature, signatory, bindings and time were verified, and that no other transfer used.

    Attributes:
        ticket: the incident it belongs to.
        requester: who asked for it.
        approver: who signed it; somebody else.
        waives: codes of the findings it is for.
        expires: from when it no longer counts.
    """

    ticket: str
    requester: str
    approver: str
    waives: Sequence[str]
    expires: datetime

    def record(self) -> dict[str, JSON]:
        """Return it as the record `BreakGlass` of the schema."""
        return {
            "ticket": self.ticket,
            "requester": self.requester,
            "approver": self.approver,
            "waives": sorted(self.waives),
            "expires": moment(self.expires),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFacts:
    """How a handoff stands.

    Attributes:
        purpose: what the artifact is handed over for.
        destination_org: the organization that is to receive it.
        destination_region: the region it is taken to.
        initiator: the identity that started the transfer.
        mtls: whether the connection is mutually authenticated; False before there is one.
        zone: the network zone of the connection; empty before there is one.
        preflight_passed: whether the preflight checks passed; False before they ran.
        preflight_failed: codes of the errors they found.
        approved: whether a signed approval of this transfer verifies.
        approver: the identity that signed it.
        break_glass: a verified ticket that lets it past failed checks.
    """

    purpose: str
    destination_org: str
    destination_region: str
    initiator: str
    mtls: bool = False
    zone: str = ""
    preflight_passed: bool = False
    preflight_failed: Sequence[str] = ()
    approved: bool = False
    approver: str | None = None
    break_glass: BreakGlassFacts | None = None

    def record(self) -> dict[str, JSON]:
        """Return it as the record `Transfer` of the schema."""
        approver: dict[str, JSON] = {"approver": self.approver} if self.approver is not None else {}
        ticket: dict[str, JSON] = {"breakGlass": self.break_glass.record()} if self.break_glass else {}
        return {
            "destination": EntityUid("Organization", self.destination_org).reference(),
            "region": self.destination_region,
            "initiator": self.initiator,
            "zone": self.zone,
            "mtls": self.mtls,
            "preflightPassed": self.preflight_passed,
            "preflightFailed": sorted(self.preflight_failed),
            "approved": self.approved,
            **approver,
            **ticket,
        }


def build_request(
    action: str,
    principal: EntityUid,
    directory: Directory,
    artifact: ArtifactFacts | None = None,
    agreement: AgreementFacts | None = None,
    transfer: TransferFacts | None = None,
    *,
    received_under: AgreementFacts | None = None,
    purpose: str | None = None,
) -> tuple[Request, tuple[Entity, ...]]:
    """Put facts into a request, with the entities it reaches. The time is not among them: deciding states it.

    Args:
        action: what is to be done.
        principal: who wants to, as the directory names them.
        directory: who is who.
        artifact: what it is about; None if it is about the organization itself (`administer`).
        agreement: the agreement it happens under; for using an artifact, the one it was received under.
        transfer: the handoff it is part of.
        received_under: for handing on what was received, the agreement with its owner.
        purpose: what for, where there is no transfer to say so.
    """
    resource = artifact.uid if artifact else EntityUid("Organization", directory.organization)
    stated: dict[str, JSON] = {
        "purpose": transfer.purpose if transfer else purpose,
        "agreement": agreement.record() if agreement else None,
        "transfer": transfer.record() if transfer else None,
        "receivedUnder": received_under.record() if received_under else None,
    }
    context = {name: value for name, value in stated.items() if value is not None}
    organizations = {directory.organization}
    for party in (agreement, received_under):
        organizations |= {party.provider, party.consumer} if party else set()
    organizations |= {transfer.destination_org} if transfer else set()
    entities = {entity.uid: entity for entity in _known(artifact, organizations)}
    entities |= {entity.uid: entity for entity in directory.entities_of(principal)}
    return Request(principal, action, resource, context), tuple(entities.values())


def _known(artifact: ArtifactFacts | None, organizations: set[str]) -> Iterator[Entity]:
    for organization in sorted(organizations):
        yield Entity(EntityUid("Organization", organization))
    if artifact is not None:
        yield Entity(artifact.uid, artifact.attributes())
        yield Entity(EntityUid("Organization", artifact.owner_org))
        if artifact.project:
            yield Entity(EntityUid("Project", artifact.project))
