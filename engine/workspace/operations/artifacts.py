"""Artifacts: pack and sign, list, show, export, use."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from engine.checks.signatures import MODEL_SIGNATURE_LIMIT, Evidence, check_signatures
from engine.digest import JSON, sha256
from engine.errors import InputError, LadingError, UntrustedIdentity
from engine.events import Event, event_id, timestamp
from engine.manifest import pack
from engine.manifest.artifact import Artifact
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, Signed, manifest_statement, model_statement
from engine.transfer.facts import agreement_facts, artifact_facts
from engine.workspace.custody.exporting import check_free, export_files
from engine.workspace.custody.links import owner_terms
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params

PREDICATES: Final = {"model": MODEL_SIGNATURE, "manifest": MANIFEST_REFERENCE}


class Pack(Params):
    """A folder, and what a person says about it."""

    path: Path
    name: str
    version: str
    sensitivity: Literal["public", "internal", "confidential", "restricted"] | None = None
    licence: str | None = None
    project: str | None = None


class Named(Params):
    """`ref`: name:version, root digest, or eight or more characters of it."""

    ref: str


class Export(Named):
    """Where to, and what for."""

    folder: Path
    purpose: str = Field(default="", max_length=200)


class Use(Named):
    """What is about to be done with it, what for, and what is expected of it."""

    act: Literal["execute", "deploy"]
    purpose: str = Field(default="", max_length=200)
    impact: str = Field(default="", max_length=1000)


def pack_artifact(office: Office, call: Call, params: Pack) -> dict[str, JSON]:
    """Describe a folder, sign model and manifest, and record the artifact.

    Raises:
        UntrustedIdentity: whoever asks may not sign models for this organization.
    """
    who = office.caller(call.token).identity
    _may_sign(office, who)
    said = {k: v for k in ("sensitivity", "licence", "project") if (v := getattr(params, k)) is not None}
    packed = pack(
        params.path,
        name=params.name,
        version=params.version,
        organization=office.organization,
        created=office.clock(),
        overrides=said,
        progress=call.report("packing"),
    )
    artifact = office.registry.add_packed(packed, params.path, who)
    known = not any(check_signatures(evidence_held(office, artifact)))
    if not known:
        _sign(office, artifact, who)
    return {
        "name": artifact.name,
        "version": artifact.version,
        "root": artifact.root,
        "files": len(artifact.manifest.files),
        "size": _size(artifact),
        "chunks": len(artifact.chunks.distinct),
        "licence": artifact.manifest.licence,
        "signed_by": verify_held(office, artifact, "model").signatory.identity,
        "known": known,
    }


def list_artifacts(office: Office, call: Call, _: Params) -> dict[str, JSON]:
    """Return the artifacts that whoever asks may view."""
    who = office.caller(call.token).identity
    seen = [each for each in office.registry.list() if office.denial("view", who, **facts(office, each)) is None]
    return {"artifacts": [_brief(artifact) for artifact in seen]}


def show_artifact(office: Office, call: Call, params: Named) -> dict[str, JSON]:
    """Return everything about one artifact."""
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    office.log.record(event_about("artifact.viewed", who, artifact, timestamp(office.clock())))
    manifest = artifact.manifest
    files: list[JSON] = [
        {"path": f.path, "size": f.size, "sha256": f.sha256, "format": f.format, "role": f.role} for f in manifest.files
    ]
    said = {"licence": manifest.licence or "none", "sensitivity": manifest.sensitivity, "task": manifest.task}
    return _brief(artifact) | said | {"manifest": manifest.digest, "agreement": artifact.agreement, "files": files}


def export_artifact(office: Office, call: Call, params: Export) -> dict[str, JSON]:
    """Write an artifact's files to a new folder: the action copy."""
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    purpose = params.purpose or None
    if denied := office.denial("copy", who, purpose=purpose, **facts(office, artifact)):
        return denied
    check_free(params.folder)  # the log says of no folder that holds something else that this was written to it
    payload: dict[str, JSON] = {"folder": str(params.folder), "purpose": params.purpose}
    office.log.record(event_about("artifact.copied", who, artifact, timestamp(office.clock()), payload))
    export_files(office.store, artifact, params.folder, call.report("exporting"))
    return {
        "root": artifact.root,
        "folder": str(params.folder),
        "files": len(artifact.manifest.files),
        "size": _size(artifact),
    }


def use_artifact(office: Office, call: Call, params: Use) -> dict[str, JSON]:
    """Decide whether somebody may execute or deploy an artifact, and record that they are about to."""
    who = office.caller(call.token).identity
    artifact = office.registry.get(params.ref)
    if denied := office.denial(params.act, who, purpose=params.purpose or None, **facts(office, artifact)):
        return denied
    kind = {"execute": "artifact.executed", "deploy": "artifact.deployed"}[params.act]
    payload: dict[str, JSON] = {"purpose": params.purpose, "impact": params.impact}
    office.log.record(event_about(kind, who, artifact, timestamp(office.clock()), payload))
    return {"root": artifact.root, "artifact": artifact.label, "act": params.act}


def facts(office: Office, artifact: Artifact) -> dict[str, Any]:
    """Return what policy is told about an artifact held here, its signatures verified now."""
    findings = check_signatures(evidence_held(office, artifact))
    under = agreement_facts(office.agreement(artifact.agreement)[1]) if artifact.agreement else None
    signed = not any(findings)
    return {
        "artifact": artifact_facts(artifact.manifest, quarantined=artifact.quarantined, signed=signed),
        "agreement": under,
        "received_under": owner_terms(office, artifact),
    }


def _may_sign(office: Office, who: str) -> None:
    allowed = {each.identity: each for each in office.trust.own().identities}
    if who not in allowed or not {MODEL_SIGNATURE, MANIFEST_REFERENCE} <= set(allowed[who].predicate_types):
        raise UntrustedIdentity(
            f"{who} may not sign models for {office.organization}",
            remedy="Give them the role sender in directory.yaml, then run 'lading trust issue'.",
        )


def _sign(office: Office, artifact: Artifact, who: str) -> None:
    """Sign the model and the manifest; each signature is recorded before it is anywhere to be found."""
    manifest = artifact.manifest
    office.log.record(
        event_about("artifact.registered", who, artifact, manifest.digest, {"source": str(artifact.source)})
    )
    statements = {
        "model": model_statement(artifact.name, [(file.path, file.sha256) for file in manifest.files]),
        "manifest": manifest_statement(artifact.label, artifact.root, manifest.digest),
    }
    for name, statement in statements.items():
        bundle = office.sign(statement, who)
        payload: dict[str, JSON] = {"what": name}
        kind, occurrence = "artifact.signed", f"{name}:{sha256(bundle)}"
        office.log.record(event_about(kind, who, artifact, occurrence, payload, statement=sha256(statement)))
        office.keep_attestation(artifact.root, name, bundle)


def evidence_held(office: Office, artifact: Artifact) -> Evidence:
    """Return the signatures of an artifact as they are kept here, and the trust of its origin as it is pinned now."""

    def held(name: str) -> bytes:
        try:
            return office.attestation(artifact.root, name)
        except InputError:
            return b""

    try:
        origin = office.trust.organization_trust(artifact.origin)
    except LadingError:
        origin = None
    return Evidence(artifact.manifest, held("model"), held("manifest"), origin)


def verify_held(office: Office, artifact: Artifact, name: str) -> Signed:
    """Verify the bundle `model` or `manifest` of an artifact.

    Raises:
        InputError, EvidenceError: it is missing, or does not verify.
    """
    trust = office.trust.organization_trust(artifact.origin)
    bundle = office.attestation(artifact.root, name)
    return trust.verify(bundle, predicate_type=PREDICATES[name], limit=MODEL_SIGNATURE_LIMIT)


def _brief(artifact: Artifact) -> dict[str, JSON]:
    return {
        "artifact": artifact.label,
        "name": artifact.name,
        "version": artifact.version,
        "root": artifact.root,
        "state": artifact.state,
        "origin": artifact.origin,
        "size": _size(artifact),
        "added": timestamp(artifact.added),
    }


def _size(artifact: Artifact) -> int:
    return sum(file.size for file in artifact.manifest.files)


def event_about(
    kind: str,
    who: str,
    artifact: Artifact,
    occurrence: str,
    payload: dict[str, JSON] | None = None,
    *,
    statement: str | None = None,
) -> Event:
    """Return the event of an act on an artifact; the same occurrence by the same person is the same event."""
    return Event(
        id=event_id(artifact.root, f"{kind}:{who}:{occurrence}"),
        type=kind,
        actor=who,
        artifact=artifact.root,
        agreement=artifact.agreement,
        statement=statement,
        payload={"artifact": artifact.label} | (payload or {}),
    )
