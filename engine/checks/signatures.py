"""The signatures that travel with an artifact: who vouches for its files, and who for its manifest.

Implements the checks of OpenSSF Model Signing 1.0 (the resources are the model's files, the subject is the SHA-256
over their digests in the order listed) and of the in-toto Reference predicate v0.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.digest import is_digest
from engine.errors import LadingError, UntrustedIdentity
from engine.findings import Finding, Severity
from engine.manifest import Manifest
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, OrganizationTrust, Signed
from engine.signing.organization_trust import BUNDLE_LIMIT
from engine.signing.statement import oms_digest

MODEL_SIGNATURE_LIMIT: Final = 32 << 20
"""The largest model signature in bytes: it lists every file that a manifest of 16 MiB can describe."""

_MODEL: Final = "model-signature"
_ATTESTATION: Final = "manifest-attestation"
_SIGN_AGAIN: Final = "Ask the origin to sign the artifact again, from the folder its manifest describes."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What came with an artifact, and whom to believe about it.

    Attributes:
        manifest: what the artifact is said to be.
        model_signature: Sigstore bundle over the OMS statement.
        manifest_attestation: Sigstore bundle over the reference to the manifest.
        origin: the own trust of the organization that the manifest names; None if none is held.
    """

    manifest: Manifest
    model_signature: bytes
    manifest_attestation: bytes
    origin: OrganizationTrust | None


def check_signatures(evidence: Evidence) -> Iterator[Finding]:
    """Find out whether the origin signed exactly these files and exactly this manifest."""
    manifest, origin = evidence.manifest, evidence.origin
    if origin is None or origin.organization != manifest.organization:
        held = "none" if origin is None else f"that of {origin.organization}"
        yield _error(
            "origin-unknown",
            manifest.organization,
            f"found {held}, expected the trust of {manifest.organization}, which the manifest names as its origin",
            f"Add and confirm {manifest.organization} with 'lading partner'.",
        )
        return
    model = _verified(_MODEL, evidence.model_signature, MODEL_SIGNATURE, origin, MODEL_SIGNATURE_LIMIT)
    yield from [model] if isinstance(model, Finding) else _model(manifest, model)
    attestation = _verified(_ATTESTATION, evidence.manifest_attestation, MANIFEST_REFERENCE, origin, BUNDLE_LIMIT)
    yield from [attestation] if isinstance(attestation, Finding) else _attestation(manifest, attestation)


def _verified(name: str, bundle: bytes, predicate_type: str, origin: OrganizationTrust, limit: int) -> Signed | Finding:
    try:
        return origin.verify(bundle, predicate_type=predicate_type, limit=limit)
    except UntrustedIdentity as error:
        return _error(f"{name}-untrusted", name, str(error), error.remedy)
    except LadingError as error:
        return _error(f"{name}-invalid", name, str(error), error.remedy)


def _model(manifest: Manifest, signed: Signed) -> Iterator[Finding]:
    try:
        listed = _resources(signed.statement["predicate"])
    except ValueError as error:
        yield _error("model-signature-unreadable", _MODEL, str(error), _SIGN_AGAIN)
        return
    if signed.subject_sha256 != oms_digest(listed):
        yield _error(
            "model-signature-subject",
            _MODEL,
            f"found the subject {signed.subject_sha256}, expected {oms_digest(listed)}, as its resources hash to",
            _SIGN_AGAIN,
        )
    yield from _differences(dict(listed), {file.path: file.sha256 for file in manifest.files})


def _resources(predicate: object) -> list[tuple[str, str]]:
    """Return name and SHA-256 of every resource, as listed.

    Raises:
        ValueError: the predicate is not an OMS 1.0 list of whole files under SHA-256, each once.
    """
    resources = predicate.get("resources") if isinstance(predicate, dict) else None
    if not isinstance(resources, list):
        raise ValueError("found no list of resources, expected one (OMS 1.0)")  # noqa: TRY004 - hostile data, not a bug
    listed: dict[str, str] = {}
    for resource in resources:
        match resource:
            case {"name": str(name), "algorithm": "sha256", "digest": str(digest)} if is_digest(digest):
                if name in listed:
                    raise ValueError(f"found the resource {name!r} twice, expected it once")
                listed[name] = digest
            case _:
                raise ValueError(f"found the resource {resource!a:.200}, expected a name and a SHA-256")
    return list(listed.items())


def _differences(signed: Mapping[str, str], described: Mapping[str, str]) -> Iterator[Finding]:
    for path in sorted(signed.keys() | described.keys()):
        match signed.get(path), described.get(path):
            case None, str(expected):
                code, message = "model-signature-omits-file", f"found no file, expected SHA-256 {expected}"
            case str(found), None:
                code, message = "model-signature-extra-file", f"found SHA-256 {found}, expected no file"
            case found, expected if found != expected:
                code, message = "model-signature-other-digest", f"found SHA-256 {found}, expected {expected}"
            case _:
                continue
        # A signed name is whatever its signer wrote; only what prints as itself is shown as it is.
        yield _error(code, path if path.isprintable() else ascii(path), message, _SIGN_AGAIN)


def _attestation(manifest: Manifest, signed: Signed) -> Iterator[Finding]:
    root, digest = manifest.root, manifest.digest
    if signed.subject_sha256 != root:
        yield _error(
            "manifest-attestation-other-root",
            _ATTESTATION,
            f"found the subject {signed.subject_sha256}, expected the root digest {root}",
            _SIGN_AGAIN,
        )
    match signed.statement["predicate"]:
        case {"references": [{"digest": {"sha256": str(found)}}]} if found == digest:
            return
        case {"references": [{"digest": {"sha256": str(found)}}]}:
            shown = f"{found!a:.80}"
        case _:
            shown = "no single reference"
    yield _error(
        "manifest-attestation-other-manifest",
        _ATTESTATION,
        f"found {shown}, expected a reference to the manifest {digest}",
        _SIGN_AGAIN,
    )


def _error(code: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(code, Severity.ERROR, subject, message, remedy)
