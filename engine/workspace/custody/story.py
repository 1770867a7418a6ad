"""Gathering what the story of an artifact is told from: registry, attestations, transfers both ways, the log."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from engine.audit.entry import Entry
from engine.audit.reader import LogReader
from engine.checks.signatures import MODEL_SIGNATURE_LIMIT, Evidence, check_signatures
from engine.custody.links import Link
from engine.custody.statements import Acceptance, CustodyLink, DeliveryReceipt, Offer, Predicate, Verdict
from engine.custody.story import Handoff, Proof, Said, Story, claimed_type, decided, earlier, happened, told, unproved
from engine.digest import canonical
from engine.errors import InputError, LadingError
from engine.gateway.incoming import Incoming
from engine.manifest.artifact import Artifact
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE
from engine.transfer.outgoing import Outgoing
from engine.wire.messages import OfferMessage
from engine.workspace.custody.links import key_id, pinned, received_chain
from engine.workspace.office import Office

ATTACHED: Final = "custody.attested"
ATTACHED_NAME: Final = 32
"""How many characters of a statement's digest the file of an attached attestation is named by."""

ANSWERS: Final[dict[str, type[Predicate]]] = {
    "acceptance": Acceptance,
    "receipt": DeliveryReceipt,
    "verdict": Verdict,
    "link": CustodyLink,
}
"""What the receiver signs, by the name it is kept under."""
APPROVAL: Final = "urn:lading:approval:"


def gather(office: Office, artifact: Artifact) -> Story:
    """Return the story of an artifact, every signature in it verified now.

    Raises:
        LogTampered: an entry about it is damaged.
    """
    with LogReader(office.layout.audit_database) as log:
        entries = log.of_artifact(artifact.root)
    problems: list[str] = []
    received = [each for each in office.incoming.all() if each.artifact == artifact.root]
    sent = [each for each in office.outgoing.all() if each.artifact == artifact.root]
    before: dict[str, Handoff] = {}
    ours: list[tuple[float, str, Handoff]] = []
    for came in received:
        message = OfferMessage.parse(office.incoming.document(came.id, "message") or b"{}")
        for link in _chain(office, artifact, came, message, problems):
            before.setdefault(link.digest, earlier(link))
        ours.append((came.started, came.id, _received(office, artifact, came, message, entries)))
    ours += [(went.started, went.id, _sent(office, artifact, went, entries)) for went in sent]
    return Story(
        artifact=artifact.label,
        root=artifact.root,
        origin=artifact.origin,
        licence=artifact.manifest.licence,
        state=artifact.state,
        held=_held(office, artifact),
        signatures=tuple(_signatures(office, artifact)),
        handoffs=(*before.values(), *(handoff for _, _, handoff in sorted(ours, key=lambda each: each[:2]))),
        attestations=tuple(_attestations(office, artifact, entries)),
        happened=happened(entries),
        problems=tuple(dict.fromkeys(problems)),
    )


def _held(office: Office, artifact: Artifact) -> dict[str, str]:
    if artifact.source is not None:
        return {"folder": str(artifact.source)}
    under = artifact.agreement or ""
    held = {"store": str(office.layout.store), "agreement": under}
    return held | {"key": key_id(office, under)} if under in office.store.scopes() else held


def _signatures(office: Office, artifact: Artifact) -> Iterator[Said]:
    """Tell of the origin's signatures; one is verified only if it is over exactly these files and this manifest."""
    origin = pinned(office, artifact.origin)
    bundles = {name: _attestation(office, artifact, name) for name in ("model", "manifest")}
    evidence = Evidence(artifact.manifest, bundles["model"] or b"", bundles["manifest"] or b"", origin)
    findings = list(check_signatures(evidence)) if all(bundles.values()) else []
    for name, kind in (("model", MODEL_SIGNATURE), ("manifest", MANIFEST_REFERENCE)):
        said = told(name, artifact.origin, bundles[name], kind=kind, trust=origin, limit=MODEL_SIGNATURE_LIMIT)
        wrong = [finding.message for finding in findings if finding.code.startswith(name)]
        if said.proof is Proof.VERIFIED and wrong:
            said = unproved(name, artifact.origin, said.statement, wrong[0])
        yield said


def _chain(
    office: Office, artifact: Artifact, came: Incoming, message: OfferMessage, problems: list[str]
) -> Sequence[Link]:
    """Return the chain that came with a transfer; one that does not hold any more is a problem to tell."""
    try:
        return received_chain(office, artifact, came, message)
    except LadingError as error:
        problems.append(str(error))
        return ()


def _received(
    office: Office, artifact: Artifact, came: Incoming, message: OfferMessage, entries: Sequence[Entry]
) -> Handoff:
    said = [_statement(office, came.id, "offer", came.partner, canonical(message.offer), Offer)]
    for name, kind in ANSWERS.items():
        bundle = office.incoming.document(came.id, name)
        if bundle is not None or name != "link":
            said.append(_statement(office, came.id, name, office.organization, bundle, kind))
    return Handoff(
        part="received",
        transfer=came.id,
        sender=came.partner,
        receiver=office.organization,
        agreement=came.agreement,
        purpose=came.purpose,
        licence=artifact.manifest.licence,
        state=came.state,
        sealed_to=key_id(office, came.agreement) if came.agreement in office.store.scopes() else None,
        statements=tuple(said),
        decisions=decided(entries, came.id),
    )


def _sent(office: Office, artifact: Artifact, went: Outgoing, entries: Sequence[Entry]) -> Handoff:
    document = office.outgoing.document
    said = []
    approval = document(went.id, "approval")
    if approval is not None and (kind := claimed_type(approval)).startswith(APPROVAL):
        trust = pinned(office, office.organization)
        said.append(told("approval", office.organization, approval, kind=kind, trust=trust, artifact=artifact.root))
    if (offer := document(went.id, "offer")) is not None:
        said.append(_statement(office, went.id, "offer", office.organization, offer, Offer))
        for name in ("acceptance", "receipt", "verdict"):
            bundle = document(went.id, name)
            said.append(_statement(office, went.id, name, went.partner, bundle, ANSWERS[name]))
    return Handoff(
        part="sent",
        transfer=went.id,
        sender=office.organization,
        receiver=went.partner,
        agreement=went.agreement,
        purpose=went.purpose,
        licence=artifact.manifest.licence,
        state=went.state,
        sealed_to=None,
        statements=tuple(said),
        decisions=decided(entries, went.id),
    )


def _statement(
    office: Office, transfer: str, name: str, organization: str, bundle: bytes | None, kind: type[Predicate]
) -> Said:
    trust = pinned(office, organization)
    return told(name, organization, bundle, kind=kind, trust=trust, transfer=transfer)


def _attestations(office: Office, artifact: Artifact, entries: Sequence[Entry]) -> Iterator[Said]:
    """Tell of what was attached later, by the log: a file nobody logged is no evidence, one that is gone is told."""
    logged: dict[str, Any] = {
        e.public["statement"]: e for e in entries if e.type == ATTACHED and "statement" in e.public
    }
    for statement, entry in sorted(logged.items(), key=lambda each: attrgetter("index")(each[1])):
        organization = entry.public.get("partner", office.organization)
        bundle = _attestation(office, artifact, statement[:ATTACHED_NAME])
        kind = claimed_type(bundle) if bundle is not None else ""
        trust = pinned(office, organization)
        said = told(kind or "attestation", organization, bundle, kind=kind, trust=trust, artifact=artifact.root)
        same = said.statement in (None, statement)
        yield said if same else unproved(kind, organization, statement, "the file is another")


def _attestation(office: Office, artifact: Artifact, name: str) -> bytes | None:
    try:
        return office.attestation(artifact.root, name)
    except InputError:
        return None
