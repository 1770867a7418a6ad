"""in-toto Statement v1: the one shape of everything that is signed, built and read as canonical JSON.

A statement says one thing (the predicate) about one subject (a name and its SHA-256). What each predicate type
means is written down in `docs/formats/statements.md`.

Specifications: in-toto Attestation Framework, Statement v1; OpenSSF Model Signing 1.0; in-toto Reference v0.1.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from engine.digest import JSON, canonical, is_digest, parse_json, sha256
from engine.errors import BadSignature, InputError
from engine.signing.reasons import brief

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MODEL_SIGNATURE: Final = "https://model_signing/signature/v1.0"
MANIFEST_REFERENCE: Final = "https://in-toto.io/attestation/reference/v0.1"
MANIFEST_MEDIA_TYPE: Final = "application/vnd.lading.manifest.v1+json"
MAX_VALUES: Final = 1 << 20
"""The most lists, objects and commas: a model signature of 100,000 files has 400,000."""
_REMEDY: Final = "Ask the signer for the statement again; do not use what it covers."


def statement(subject_name: str, subject_sha256: str, predicate_type: str, predicate: Mapping[str, JSON]) -> bytes:
    """Return the canonical bytes of a statement about one subject.

    Args:
        subject_name: what people call the subject; it identifies nothing.
        subject_sha256: the digest that identifies it, 64 lower-case hexadecimal characters.
        predicate_type: the URI of the predicate's format.
        predicate: what is claimed, JSON values only.

    Raises:
        InputError: the subject's digest is not a SHA-256.
    """
    if not is_digest(subject_sha256):
        raise InputError(
            f"the subject {subject_name!r} has the digest {subject_sha256!r}, expected 64 lower-case hex digits",
            remedy="Name the subject by its SHA-256.",
        )
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject_name, "digest": {"sha256": subject_sha256}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def model_statement(name: str, files: Sequence[tuple[str, str]]) -> bytes:
    """Return the OMS 1.0 statement over a model, from digests that are already known.

    The files stand in the order of their paths as paths (`a/b` before `a.txt`), which is the order that
    `model_signing` hashes them in. Nothing is ignored and no symbolic link is followed.

    Args:
        name: the model's name.
        files: path (relative, POSIX) and SHA-256 of every file.
    """
    ordered = sorted(files, key=lambda file: PurePosixPath(file[0]))
    resources: list[JSON] = [{"name": path, "algorithm": "sha256", "digest": digest} for path, digest in ordered]
    serialization: dict[str, JSON] = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    predicate: dict[str, JSON] = {"serialization": serialization, "resources": resources}
    return statement(name, oms_digest(ordered), MODEL_SIGNATURE, predicate)


def oms_digest(listed: Sequence[tuple[str, str]]) -> str:
    """Return the digest OMS 1.0 names a model by: SHA-256 over the raw file digests, in the order they are listed.

    It is not the root digest: sizes, names and the executable bit do not enter it.

    Args:
        listed: path and SHA-256 of every file, in the order of the statement's resources.
    """
    return sha256(b"".join(bytes.fromhex(digest) for _, digest in listed))


def manifest_statement(name: str, root: str, manifest_sha256: str) -> bytes:
    """Return the statement that binds an artifact to its manifest (in-toto Reference v0.1).

    Args:
        name: the artifact's name.
        root: the artifact's root digest, the subject.
        manifest_sha256: SHA-256 of the manifest's canonical bytes, the reference.
    """
    reference: dict[str, JSON] = {
        "downloadLocation": f"urn:lading:manifest:{manifest_sha256}",
        "digest": {"sha256": manifest_sha256},
        "mediaType": MANIFEST_MEDIA_TYPE,
    }
    attester: dict[str, JSON] = {"id": "urn:lading:manifest:v1"}
    return statement(name, root, MANIFEST_REFERENCE, {"attester": attester, "references": [reference]})


def parse_statement(payload: bytes, *, predicate_type: str, what: str) -> tuple[dict[str, JSON], str]:
    """Read a signed payload strictly and return the statement with its subject's SHA-256.

    The payload need not be canonical (foreign signers have their own encoders), but it must have one reading: no
    key stands twice, and every value has a canonical form, so that what is cited from it can be digested.

    Args:
        payload: the bytes the signature covers.
        predicate_type: the only predicate type that is accepted.
        what: how errors call the payload.

    Raises:
        BadSignature: the payload is not one statement of that type about one subject.
    """
    try:
        parsed = parse_json(payload, what="its payload", limit=len(payload), values=MAX_VALUES)
        canonical(parsed)
    except (InputError, ValueError) as error:
        raise BadSignature(f"{what}: {brief(error)}", remedy=_REMEDY) from error
    if not isinstance(parsed, dict):
        raise _misfit(what, "content", "a JSON object", parsed)
    if parsed.get("_type") != STATEMENT_TYPE:
        raise _misfit(what, "_type", STATEMENT_TYPE, parsed.get("_type"))
    if parsed.get("predicateType") != predicate_type:
        raise _misfit(what, "predicateType", predicate_type, parsed.get("predicateType"))
    if not isinstance(parsed.get("predicate"), dict):
        raise _misfit(what, "predicate", "a JSON object", parsed.get("predicate"))
    return parsed, _subject_sha256(parsed.get("subject"), what)


def _subject_sha256(subjects: JSON, what: str) -> str:
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise _misfit(what, "subject", "a list of exactly one subject", subjects)
    subject = subjects[0]
    digests = subject.get("digest") if isinstance(subject, dict) else None
    digest = digests.get("sha256") if isinstance(digests, dict) else None
    if not isinstance(digest, str) or not is_digest(digest):
        raise _misfit(what, "subject[0].digest.sha256", "64 lower-case hexadecimal characters", digest)
    return digest


def _misfit(what: str, field: str, expected: str, found: object) -> BadSignature:
    return BadSignature(f"{what}: {field} is {found!a:.200}, expected {expected}", remedy=_REMEDY)
