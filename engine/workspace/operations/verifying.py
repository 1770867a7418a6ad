"""Verifying an artifact: its signatures, and a folder of its files; what was changed in one of ours is recorded."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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
    artifact, findings, known = (
        _compared(office, call, folder) if folder.is_dir() else (office.registry.get(params.artifact), [], False)
    )
    if denied := office.denial("view", who, **facts(office, artifact)):
        return denied
    if findings and known:
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


def _compared(office: Office, call: Call, folder: Path) -> tuple[Artifact, list[Finding], bool]:
    """Return the artifact that a folder should hold, what differs from it, and whether its files were here put there.

    INVARIANT: a folder that an artifact was written to or packed from is held against nothing else that is held, since
    whoever can write to it could put any other artifact there. Only a folder that lading knows nothing of is held
    against all, and is said to be what it is closest to.
    """
    held = office.registry.list()
    if not held:
        raise InputError("no artifact is held here to compare with", remedy="Pack one, or receive one.")
    expected = _expected(office, held, folder)
    report = call.report("verifying")
    compared = [(each, verify_folder(folder, each.manifest, report)) for each in expected or held]
    return *min(compared, key=lambda pair: len(pair[1])), bool(expected)


def _record_modified(office: Office, who: str, artifact: Artifact, folder: Path, findings: Sequence[Finding]) -> None:
    """Record that the files of an artifact are not what they were, where it was packed from or written to.

    What was found before is not recorded again.
    """
    changed: list[JSON] = [f"{finding.subject}: {finding.code}" for finding in findings[:LISTED]]
    payload: dict[str, JSON] = {"folder": str(folder.absolute()), "changed": changed, "count": len(findings)}
    office.log.record(event_about("artifact.modified", who, artifact, sha256(canonical(payload)), payload))


def _expected(office: Office, held: Sequence[Artifact], folder: Path) -> list[Artifact]:
    """Return what was written to a folder last, as it was empty then, and what was packed from it since.

    Nothing if neither ever was, or if the payload that names the folder was erased.
    """
    names = _names(folder)
    written = {each.root: max(_written(office, each, names), default="") for each in held}
    last = max(written.values())
    return [
        each
        for each in held
        if (last and written[each.root] == last)
        or (each.source and names & _names(each.source) and timestamp(each.added) >= last)
    ]


def _written(office: Office, artifact: Artifact, names: AbstractSet[Path]) -> list[str]:
    """Return when an artifact was written to a folder, as the log has it."""
    return [
        entry.time
        for log in office.logs.all
        for entry in log.of_artifact(artifact.root)
        if entry.type == "artifact.copied" and entry.payload and names & _names(Path(str(entry.payload["folder"])))
    ]


def _names(folder: Path) -> AbstractSet[Path]:
    """Return a folder as it is called, and where that leads now."""
    return {folder.absolute(), folder.resolve()}


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
