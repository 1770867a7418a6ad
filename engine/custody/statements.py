"""The signed statements of a handoff, as in-toto predicates (docs/formats/statements.md).

The sender makes an *offer*. The receiver answers with an *acceptance* (before any byte), a *delivery receipt* (on
digests alone) and a *verdict* (after the arrival checks). Whoever hands on what they received
adds a *custody link*. An *approval* lets a parked transfer go on, *break-glass* one that failed its checks. Each embeds
the counterparty's newest checkpoint, so that neither log can later pretend not to have known.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.agreement import SENSITIVITIES, Agreement
from engine.agreement.fields import Names, Regions
from engine.agreement.terms import Action, Sensitivity
from engine.audit.note import KEPT_LIMIT
from engine.digest import JSON, canonical, sha256
from engine.errors import BadSignature
from engine.events import timestamp
from engine.signing.organization_trust import Signed
from engine.signing.statement import statement
from engine.wire.messages import CHAIN_LIMIT

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TransferId = Annotated[str, Field(pattern=r"^tr-[0-9a-f]{24}$")]
Line = Annotated[str, Field(max_length=2000)]
Organization = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,252}$")]
Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Note = Annotated[str, Field(max_length=KEPT_LIMIT)]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def fresh_nonce() -> str:
    """Return 128 random bits as hexadecimal."""
    return secrets.token_hex(16)


def fresh_transfer() -> str:
    """Return a new transfer id: `tr-` and 96 random bits as hexadecimal."""
    return f"tr-{secrets.token_hex(12)}"


class DecisionCited(BaseModel):
    """The decision a statement rests on, as far as the other side may know it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(max_length=64)
    decision: Literal["permit"]
    policy: Digest


class Predicate(BaseModel):
    """What every statement of a handoff says.

    Attributes:
        transfer: the transfer it belongs to.
        sender: the organization that hands over.
        receiver: the organization that takes.
        artifact: root digest.
        agreement: digest of the agreement.
        nonce: 128 random bits; no two statements are the same.
        issued: when it was made, by its maker's clock.
        checkpoint: the newest checkpoint of the counterparty's log its maker holds; empty before the first contact.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    transfer: TransferId
    sender: Organization
    receiver: Organization
    artifact: Digest
    agreement: Digest
    nonce: Nonce
    issued: AwareDatetime
    checkpoint: Note

    @classmethod
    def predicate_type(cls) -> str:
        """The in-toto predicate type of this statement."""
        return PREDICATE_TYPES[cls]

    def to_json(self) -> dict[str, JSON]:
        """Return the predicate as JSON values; moments are RFC 3339 in UTC with milliseconds.

        What does not apply is absent, never null.
        """
        values: dict[str, JSON] = _json(self.model_dump(mode="python", exclude_none=True))
        return values

    def statement(self) -> bytes:
        """Return the canonical in-toto statement; its subject is the artifact's root digest."""
        return statement(self.transfer, self.artifact, self.predicate_type(), self.to_json())

    @classmethod
    def read(cls, signed: Signed) -> Self:
        """Take the predicate out of a verified statement.

        Raises:
            BadSignature: fields are missing, unknown or malformed, or the subject is another artifact.
        """
        return cls.of(signed.payload, signed.statement, signed.subject_sha256, by=signed.signatory.identity)

    @classmethod
    def of(cls, payload: bytes, whole: Mapping[str, Any], subject: str, *, by: str) -> Self:
        """Take the predicate out of a statement, whoever is known to have signed it; see `read`.

        Args:
            payload: the bytes that a signature covers.
            whole: the same, parsed.
            subject: the digest of its only subject.
            by: how errors call whoever made it.

        Raises:
            BadSignature: as `read`.
        """
        try:
            predicate = cls.model_validate(whole["predicate"], strict=False)
        except (ValidationError, KeyError) as error:
            raise BadSignature(
                f"a signed {cls.predicate_type()} statement by {by} is malformed: {error}",
                remedy="Its maker runs another version of lading, or something that is not lading: ask them.",
            ) from None
        if subject != predicate.artifact or payload != predicate.statement():
            raise BadSignature(
                f"a signed {cls.predicate_type()} statement says one thing in its subject and another in its predicate",
                remedy="Do not accept it; ask its maker for a new one.",
            )
        return predicate


class OnwardTerms(BaseModel):
    """What a provider lets further receivers know of an agreement that allows onward transfer, and nothing else of it.

    Attributes:
        purposes: what the artifact may be used for.
        actions: what may be done with it.
        destinations: regions it may be taken to.
        max_sensitivity: the most sensitive artifact that may travel under it.
        effective: it binds from this moment.
        expires: and no longer from this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    purposes: Names
    actions: tuple[Action, ...]
    destinations: Regions
    max_sensitivity: Sensitivity
    effective: AwareDatetime
    expires: AwareDatetime

    @classmethod
    def of_agreement(cls, agreement: Agreement) -> Self | None:
        """Return what may be told of an agreement; None if it does not allow onward transfer."""
        terms = agreement.terms
        if not terms.onward_transfer:
            return None
        return cls(
            purposes=terms.purposes,
            actions=terms.actions,
            destinations=terms.destinations,
            max_sensitivity=terms.max_sensitivity,
            effective=agreement.effective,
            expires=agreement.expires,
        )

    @property
    def sensitivity_ceiling(self) -> int:
        """The rank of `max_sensitivity`: 0 is public, 3 is restricted."""
        return SENSITIVITIES.index(self.max_sensitivity)


class Offer(Predicate):
    """The sender offers an artifact. Bound to its audience (`receiver`), expires, used once.

    Attributes:
        onward: present only if the agreement lets the receiver hand the artifact on; the receiver may show this
            statement to whom it hands it on to.
        custody: SHA-256 of the newest custody link's statement; present only if the sender itself received it.
        own_checkpoint: the newest checkpoint of the sender's own log; the receiver logs it, so that a log that
            shows different histories to different partners is found out.
    """

    own_checkpoint: Note
    manifest: Digest
    chunks: Digest
    purpose: Line
    impact: Line
    requester: Line
    decision: DecisionCited
    expires: AwareDatetime
    onward: OnwardTerms | None = None
    custody: Digest | None = None

    def shared(self, *, issued: datetime, checkpoint: str) -> dict[str, Any]:
        """Return the fields that every statement of the receiver about this handoff begins with, and a fresh nonce.

        Args:
            issued: when that statement is made.
            checkpoint: the newest checkpoint of the sender's log that its maker holds.
        """
        about = {name: getattr(self, name) for name in ("transfer", "sender", "receiver", "artifact", "agreement")}
        return about | {"nonce": fresh_nonce(), "issued": issued, "checkpoint": checkpoint}


class Answer(Predicate):
    """A statement of the receiver about one offer.

    Attributes:
        offer: SHA-256 of the offer's statement.
    """

    offer: Digest


class Acceptance(Answer):
    """The receiver will take the artifact until `deadline`."""

    decision: DecisionCited
    deadline: AwareDatetime


class DeliveryReceipt(Answer):
    """The receiver holds every byte the offer's chunk map names. Says nothing yet about what they are worth."""

    manifest: Digest
    chunks: Digest
    size: Annotated[int, Field(ge=0)]
    decision: DecisionCited


class Verdict(Answer):
    """What the arrival checks said.

    Attributes:
        receipt: SHA-256 of the delivery receipt's statement.
        verdict: `released` for use, or `quarantined`.
        findings: codes of the errors found, sorted.
    """

    receipt: Digest
    verdict: Literal["released", "quarantined"]
    findings: list[Line]


class CustodyLink(Predicate):
    """The receiver of one handoff says how it came to hold the artifact, before it hands it on.

    `transfer`, `sender`, `receiver` and `agreement` are those of the handoff by which it got it.

    Attributes:
        position: 1 for the handoff from the origin, and one more for each after it.
        previous: SHA-256 of the statement of the link before; absent in the first.
        offer: SHA-256 of the sender's offer, which the receiver took.
        receipt: SHA-256 of the receiver's delivery receipt.
        verdict: SHA-256 of the receiver's verdict.
        purpose: what it was handed over for.
        licence: SPDX expression it travelled under; absent if its manifest declares none.
        sealed_to: id of the key that the receiver's store holds it under: the first 32 hexadecimal characters of the
            SHA-256 of the X25519 public key.
    """

    position: Annotated[int, Field(ge=1, le=CHAIN_LIMIT)]
    previous: Digest | None = None
    offer: Digest
    receipt: Digest
    verdict: Digest
    purpose: Line
    licence: Line | None = None
    sealed_to: KeyId


def plan_digest(*, artifact: str, partner: str, agreement: str, purpose: str, impact: str, actor: str) -> str:
    """Return the SHA-256 of the canonical order that a transfer is."""
    order: dict[str, JSON] = {
        "artifact": artifact,
        "partner": partner,
        "agreement": agreement,
        "purpose": purpose,
        "impact": impact,
        "actor": actor,
    }
    return sha256(canonical(order))


class Authorization(Predicate):
    """A second person lets one transfer go, for a short time and once. Bound to all that they saw of it.

    Attributes:
        requester: who asked for it.
        action: what it is for; only `send`.
        purpose: of the transfer.
        plan: SHA-256 of the canonical order: artifact, partner, agreement, purpose, impact, actor.
        policy: digest of the bundle under which it was given; another one voids it.
        waives: codes of the findings that it was given in spite of, sorted.
        reason: the signer's, in their words.
        not_before: from when it counts.
        expires: and until when, at most four hours later.
    """

    requester: Line
    action: Literal["send"]
    purpose: Line
    plan: Digest
    policy: Digest
    waives: Annotated[tuple[Line, ...], Field(max_length=100)]
    reason: Line
    not_before: AwareDatetime
    expires: AwareDatetime


class Approval(Authorization):
    """A second person lets one parked transfer go on; `waives` is all that its checks found."""


class BreakGlass(Authorization):
    """A second person lets one transfer past named findings of its checks.

    Attributes:
        ticket: the incident it belongs to, in the organization's own numbering.
    """

    waives: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)]
    ticket: Line


class ApprovalV1(Predicate):
    """An approval as release 0.1.0 signed it: read where it is kept, and good for nothing new."""

    requester: Line
    purpose: Line
    policy: Digest
    reason: Line
    expires: AwareDatetime


PREDICATE_TYPES: dict[type[Predicate], str] = {
    Offer: "urn:lading:offer:v1",
    Acceptance: "urn:lading:acceptance:v1",
    DeliveryReceipt: "urn:lading:delivery-receipt:v1",
    Verdict: "urn:lading:verdict:v1",
    CustodyLink: "urn:lading:custody-link:v1",
    ApprovalV1: "urn:lading:approval:v1",
    Approval: "urn:lading:approval:v2",
    BreakGlass: "urn:lading:break-glass:v1",
}


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return timestamp(value)
        case dict():
            return {name: _json(each) for name, each in value.items()}
        case list() | tuple():
            return [_json(each) for each in value]
        case _:
            return value
