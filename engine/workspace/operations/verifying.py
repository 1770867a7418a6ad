"""Verifying an artifact: its signatures, and a folder of its files; what was changed in one of ours is recorded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.checks.signatures import check_signatures
from engine.digest import JSON, canonical, sha256
from engine.errors import InputError, LadingError
from engine.events import timestamp
from engine.findings import Finding
from engine.manifest import verify_folder
from engine.manifest.artifact import Artifact
from engine.signing import Signed
from engine.workspace.custody.exporting import verification_commands
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.artifacts import PREDICATES, event_about, evidence_held, facts, verify_held

WHAT: Final = {
    "model": "the files of the model (OpenSSF Model Signing)",
    "manifest": "the manifest (in-toto Reference)",
}

LISTED: Final = 100
"""How many changed files an entry of the log names."""


class Verify(Params):
    """`artifact`: a reference, or the path of a folder."""

    artifact: str


def verify_artifact(office: Office, call: Call, params: Verify) -> dict[str, JSON]:
    """Verify an artifact's signatures, and a folder's files if a folder was named."""
    who = office.caller(call.token).identity
    folder = Path(params.artifact)
    artifact, findings = (
        _named_or_folder(office, call, folder) if folder.is_dir() else (office.registry.get(params.artifact), [])
    )
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    if findings:
        _record_modified(office, who, artifact, folder, findings)
    findings += list(check_signatures(evidence_held(office, artifact)))
    signatures: list[JSON] = []
    commands: list[JSON] = []
    for name in PREDICATES:
        try:
            signed = verify_held(office, artifact, name)
        except LadingError:
            continue  # check_signatures has said why
        signatures.append(_described(name, signed))
        if name == "model":
            place = folder if folder.is_dir() else artifact.source or Path("EXPORTED-FOLDER")
            bundles, trust = office.layout.attestations / artifact.root, _trust_config(office, artifact)
            commands += verification_commands(artifact, place, bundles, trust, signed.signatory)
    return {
        "artifact": artifact.label,
        "root": artifact.root,
        "ok": not findings,
        "signatures": signatures,
        "problems": [finding.to_json() for finding in findings],
        "commands": commands,
    }


def _named_or_folder(office: Office, call: Call, folder: Path) -> tuple[Artifact, list[Finding]]:
    """Return the artifact a folder is closest to, and what differs from it."""
    held = office.registry.list()
    if not held:
        raise InputError("no artifact is held here to compare with", remedy="Pack one, or receive one.")
    compared = [(artifact, verify_folder(folder, artifact.manifest, call.report("verifying"))) for artifact in held]
    return min(compared, key=lambda pair: len(pair[1]))


def _record_modified(office: Office, who: str, artifact: Artifact, folder: Path, findings: Sequence[Finding]) -> None:
    """Record that the files of an artifact are not what they were, where it was packed from or written to.

    A folder that lading knows nothing of says nothing about the artifact. What was found before is not recorded again.
    """
    place = str(folder.absolute())
    if place not in _places(office, artifact):
        return
    changed: list[JSON] = [f"{finding.subject}: {finding.code}" for finding in findings[:LISTED]]
    payload: dict[str, JSON] = {"folder": place, "changed": changed, "count": len(findings)}
    office.log.record(event_about("artifact.modified", who, artifact, sha256(canonical(payload)), payload))


def _places(office: Office, artifact: Artifact) -> set[str]:
    """Return the folders that an artifact's files were packed from or written to here."""
    written = [
        str(entry.payload["folder"])
        for log in office.logs.all
        for entry in log.of_artifact(artifact.root)
        if entry.type == "artifact.copied" and entry.payload is not None
    ]
    return {*written, *([str(artifact.source)] if artifact.source else [])}


def _trust_config(office: Office, artifact: Artifact) -> Path:
    ours = artifact.origin == office.organization
    place = office.layout.trust / "own" if ours else office.layout.trust / "partners" / artifact.origin
    return place / "trust_config.json"


def _described(name: str, signed: Signed) -> dict[str, JSON]:
    return {
        "what": WHAT[name],
        "identity": signed.signatory.identity,
        "issuer": signed.signatory.issuer,
        "time": timestamp(signed.time),
        "log": signed.log,
        "log_index": signed.log_index,
        "root": signed.root_fingerprint,
    }
