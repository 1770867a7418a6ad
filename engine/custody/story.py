"""The story of an artifact at one organization: each handoff, who said what and how far it is proved, what was done.

Values in, values out: bundles, log entries and pinned trust are given. The same evidence tells the same story.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from engine.audit.entry import Entry
from engine.custody.links import Link
from engine.custody.statements import Predicate
from engine.digest import JSON, parse_json, sha256
from engine.errors import EvidenceError, LadingError
from engine.events import timestamp
from engine.signing import OrganizationTrust, Signed
from engine.signing.envelope import unverified_payload
from engine.signing.organization_trust import BUNDLE_LIMIT

DECISIONS: Final = frozenset({"decision.permit", "decision.deny", "decision.failsafe"})
USES: Final = "artifact."
"""What the types of entries begin with that tell what was done with an artifact."""


class Proof(StrEnum):
    """How far something is proved here and now."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A signed statement.

    Attributes:
        name: what it is, such as `receipt`, or its predicate type.
        organization: in whose name.
        signer: who signed; None unless it is verified.
        time: when, by that organization's timestamp authority, RFC 3339; None unless it is verified.
        log: the base URL that names the transparency log; None unless it is verified.
        log_index: the entry of the certificate and signature there; None unless it is verified.
        root: fingerprint of the trusted root it was verified under; None unless it is verified.
        statement: SHA-256 of the statement; None if it is not here.
        proof: how far it is proved.
        why: why it is not verified; empty if it is.
    """

    name: str
    organization: str
    signer: str | None = None
    time: str | None = None
    log: str | None = None
    log_index: int | None = None
    root: str | None = None
    statement: str | None = None
    proof: Proof
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision of this organization about a handoff.

    Attributes:
        index: its entry in the log.
        time: when it was recorded, RFC 3339.
        decision: `permit`, `deny` or `failsafe`.
        action: what was asked; None if the payload was erased.
        because: the determining policies; None if the payload was erased.
    """

    index: int
    time: str
    decision: str
    action: str | None
    because: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """One handoff of the artifact.

    Attributes:
        part: `earlier` as a chain of custody tells it; `received` or `sent` by this organization.
        state: how it ended here; `released` for what a chain tells.
        agreement: digest of the agreement it went under.
        licence: SPDX expression it travelled under; None if none was declared.
        sealed_to: id of the key that the receiver's store holds it under; None where nobody told.
        statements: who said what.
        decisions: of this organization; none for an earlier handoff, whose decisions were its parties' own.
    """

    part: Literal["earlier", "received", "sent"]
    transfer: str
    sender: str
    receiver: str
    agreement: str
    purpose: str
    licence: str | None
    state: str
    sealed_to: str | None
    statements: tuple[Said, ...]
    decisions: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that was done with the artifact here.

    Attributes:
        index: its entry in the log.
        time: when it was recorded, RFC 3339.
        type: what happened.
        actor: who did it, or their pseudonym if the payload was erased.
        details: what the log keeps beside; empty if it was erased.
        erased: whether the payload was erased.
    """

    index: int
    time: str
    type: str
    actor: str
    details: Mapping[str, JSON]
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole life of an artifact, as far as this organization has evidence of it.

    Attributes:
        artifact: name and version.
        held: where it is here: `folder` with its path, or `store` with agreement and key id.
        signatures: of its origin.
        handoffs: earlier ones first, then those of this organization in their order.
        attestations: what third parties, or the parties themselves, said of it later.
        happened: what was done with it here.
        problems: what contradicts itself and is told no further.
    """

    artifact: str
    root: str
    origin: str
    licence: str | None
    state: str
    held: Mapping[str, str]
    signatures: tuple[Said, ...]
    handoffs: tuple[Handoff, ...]
    attestations: tuple[Said, ...]
    happened: tuple[Happened, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """Return the story as JSON values."""
        return asdict(self)


def told(
    name: str,
    organization: str,
    bundle: bytes | None,
    *,
    kind: type[Predicate] | str,
    trust: OrganizationTrust | None,
    transfer: str | None = None,
    artifact: str | None = None,
    limit: int = BUNDLE_LIMIT,
) -> Said:
    """Verify a statement now, and tell how far it is proved.

    Args:
        name: what the story calls it.
        organization: in whose name it must be.
        bundle: the Sigstore bundle; None if it is not here.
        kind: the statement of a handoff that it must be, or a predicate type.
        trust: what is pinned for that organization; None if nothing is.
        transfer: which transfer a statement of a handoff must be about.
        artifact: the root digest that its subject must be; None where the subject is another digest.
        limit: the largest bundle in bytes.
    """
    if bundle is None:
        return Said(name=name, organization=organization, proof=Proof.WITHHELD, why="it is not here")
    if trust is None:
        why = f"no trust of {organization} is pinned"
        return unproved(name, organization, _digest(bundle), why)
    try:
        predicate_type = kind if isinstance(kind, str) else kind.predicate_type()
        signed = trust.verify(bundle, predicate_type=predicate_type, limit=limit)
        about = None if isinstance(kind, str) else kind.read(signed).transfer
    except LadingError as error:
        return unproved(name, organization, _digest(bundle), str(error))
    if artifact not in (None, signed.subject_sha256) or transfer not in (None, about):
        return unproved(name, organization, sha256(signed.payload), "it is about something else")
    return proved(name, organization, signed)


def proved(name: str, organization: str, signed: Signed) -> Said:
    """Tell of a statement that was verified."""
    return Said(
        name=name,
        organization=organization,
        signer=signed.signatory.identity,
        time=timestamp(signed.time),
        log=signed.log,
        log_index=signed.log_index,
        root=signed.root_fingerprint,
        statement=sha256(signed.payload),
        proof=Proof.VERIFIED,
    )


def claimed_type(bundle: bytes) -> str:
    """Return the predicate type that a bundle nobody verified claims; empty if it cannot be read."""
    try:
        whole: Any = parse_json(bundle, what="the bundle", limit=BUNDLE_LIMIT)
        statement: Any = parse_json(_payload(whole), what="its payload", limit=BUNDLE_LIMIT)
        found = statement["predicateType"]
    except (LadingError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def earlier(link: Link) -> Handoff:
    """Tell of a handoff as a chain of custody does. What the parties did not show is told as withheld."""
    said = link.link
    statements = tuple(
        proved(each.name, each.organization, each.signed)
        if each.signed is not None
        else unproved(each.name, each.organization, each.digest, each.doubt)
        for each in link.statements
    )
    withheld = Said(name="decisions", organization=said.receiver, proof=Proof.WITHHELD, why="its parties' own")
    return Handoff(
        part="earlier",
        transfer=said.transfer,
        sender=said.sender,
        receiver=said.receiver,
        agreement=said.agreement,
        purpose=said.purpose,
        licence=said.licence,
        state="released",
        sealed_to=said.sealed_to,
        statements=(*statements, withheld),
    )


def decided(entries: Iterable[Entry], transfer: str) -> tuple[Decided, ...]:
    """Tell what this organization decided about a transfer, in the log's order."""
    return tuple(
        Decided(
            index=entry.index,
            time=entry.time,
            decision=entry.public.get("decision", ""),
            action=None if entry.payload is None else str(entry.payload.get("action", "")),
            because=None if entry.payload is None else _names(entry.payload.get("because")),
        )
        for entry in entries
        if entry.type in DECISIONS and entry.public.get("transfer") == transfer
    )


def happened(entries: Iterable[Entry]) -> tuple[Happened, ...]:
    """Tell what was done with an artifact here, in the log's order. What was erased is said as such."""
    return tuple(
        Happened(
            index=entry.index,
            time=entry.time,
            type=entry.type,
            actor=str(entry.payload["actor"]) if entry.payload else entry.public["actor"],
            details={name: value for name, value in (entry.payload or {}).items() if name != "actor"},
            erased=entry.payload is None,
        )
        for entry in entries
        if entry.type.startswith(USES)
    )


def _names(value: JSON) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def unproved(name: str, organization: str, statement: str | None, why: str) -> Said:
    """Tell of a statement that is not proved, and why."""
    return Said(name=name, organization=organization, statement=statement, proof=Proof.UNVERIFIED, why=why)


def _digest(bundle: bytes) -> str | None:
    """Return the digest of what a bundle holds, whoever signed it; None if it cannot be read."""
    try:
        return sha256(_payload(parse_json(bundle, what="the bundle", limit=BUNDLE_LIMIT)))
    except LadingError:
        return None


def _payload(whole: JSON) -> bytes:
    if not isinstance(whole, dict):
        raise EvidenceError("the bundle is no object", remedy="Ask whoever sent it for the bundle again.")
    return unverified_payload(whole, what="the bundle")
