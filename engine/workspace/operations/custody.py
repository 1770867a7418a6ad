"""Custody: the story of an artifact; attestations that somebody makes of it later."""

from pathlib import Path
from typing import Any, Final

from pydantic import Field

from engine.custody.story import claimed_type
from engine.digest import JSON, parse_json, sha256
from engine.errors import InputError, IntegrityError, UntrustedIdentity, UsageError
from engine.events import Event, event_id, timestamp
from engine.files import read_regular
from engine.manifest.artifact import Artifact
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, Signed, statement
from engine.signing.organization_trust import BUNDLE_LIMIT
from engine.workspace.custody.story import ATTACHED, ATTACHED_NAME, gather
from engine.workspace.office import Office
from engine.workspace.operations import Call
from engine.workspace.operations.artifacts import Named, facts

OURS: Final = "urn:lading:"
PREDICATE_LIMIT: Final = 1 << 20
_ANOTHER: Final = "Attach a statement about this artifact: its subject's sha256 is the root digest."


class Attach(Named):
    """`bundle`: a Sigstore bundle; `organization`: in whose name it was signed."""

    bundle: Path
    organization: str = Field(max_length=253)


class Attest(Named):
    """`predicate_type`: what kind of statement; `predicate`: a JSON file with what it says."""

    predicate_type: str = Field(pattern=r"^https?://[!-~]{1,1000}$")
    predicate: Path


def story(office: Office, call: Call, params: Named) -> dict[str, Any]:
    """Tell the whole life of an artifact, as far as there is evidence of it here."""
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    return gather(office, artifact).to_json()


def attach(office: Office, call: Call, params: Attach) -> dict[str, JSON]:
    """Verify what another organization attests of an artifact, log it, and keep it beside the artifact's signatures.

    Raises:
        InputError: the file cannot be read, or nobody pinned that organization.
        UsageError: it is a statement that has its own place.
        IntegrityError: it is about another artifact.
        SignatureError: it does not verify under that organization's trust.
    """
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    return _keep(office, who, artifact, _read(params.bundle, BUNDLE_LIMIT), params.organization)


def attest(office: Office, call: Call, params: Attest) -> dict[str, JSON]:
    """Sign what somebody of this organization attests of an artifact, log it, keep it, and return the bundle.

    Raises:
        InputError: the predicate is no JSON object.
        UntrustedIdentity: whoever asks may not make such statements for this organization.
    """
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    data = _read(params.predicate, PREDICATE_LIMIT)
    predicate = parse_json(data, what=str(params.predicate), limit=PREDICATE_LIMIT)
    if not isinstance(predicate, dict):
        raise InputError(f"{params.predicate} is no JSON object", remedy="Write the predicate as its format says.")
    allowed = {each.identity: each.predicate_types for each in office.trust.own().identities}
    if params.predicate_type not in allowed.get(who, ()):
        raise UntrustedIdentity(
            f"{who} may not sign {params.predicate_type} for {office.organization}",
            remedy="Give them a role that may (docs/custody.md) in directory.yaml, then run 'lading trust issue'.",
        )
    bundle = office.sign(statement(artifact.label, artifact.root, params.predicate_type, predicate), who)
    return _keep(office, who, artifact, bundle, office.organization) | {"bundle": bundle.decode()}


def _keep(office: Office, who: str, artifact: Artifact, bundle: bytes, organization: str) -> dict[str, JSON]:
    kind = claimed_type(bundle)
    if kind.startswith(OURS) or kind in (MODEL_SIGNATURE, MANIFEST_REFERENCE):
        raise UsageError(
            f"{kind} has its own place in a handoff, and is no attestation that somebody makes later",
            remedy="Attach attestations of other types.",
        )
    signed = office.trust.organization_trust(organization).verify(bundle, predicate_type=kind)
    if signed.subject_sha256 != artifact.root:
        raise IntegrityError(
            f"the attestation is about {signed.subject_sha256}, expected {artifact.root}", remedy=_ANOTHER
        )
    digest = sha256(signed.payload)
    office.log.record(_attached(office, who, artifact, signed, kind, organization))
    office.keep_attestation(artifact.root, digest[:ATTACHED_NAME], bundle)
    return {
        "artifact": artifact.label,
        "root": artifact.root,
        "organization": organization,
        "predicate_type": kind,
        "signer": signed.signatory.identity,
        "time": timestamp(signed.time),
        "statement": digest,
    }


def _attached(office: Office, who: str, artifact: Artifact, signed: Signed, kind: str, organization: str) -> Event:
    digest = sha256(signed.payload)
    return Event(
        id=event_id(artifact.root, f"{ATTACHED}:{organization}:{digest}"),
        type=ATTACHED,
        actor=who,
        artifact=artifact.root,
        partner=None if organization == office.organization else organization,
        statement=digest,
        payload={"organization": organization, "predicate_type": kind, "signer": signed.signatory.identity},
    )


def _read(path: Path, limit: int) -> bytes:
    try:
        data = read_regular(path, limit + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy="Name a file that can be read.") from None
    if len(data) > limit:
        raise InputError(f"{path} has more than {limit} bytes", remedy="Name another file.")
    return data
