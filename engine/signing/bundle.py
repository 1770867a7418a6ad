"""Reading a Sigstore bundle v0.3 so that it has one reading and carries all evidence this project demands.

Nothing is verified here. The functions raise `ValueError` and whatever the parsers of hostile bytes come up with;
`refusing` turns all of it into `BadSignature`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sigstore_models.bundle import v1 as bundle_v1

from engine.digest import parse_json
from engine.errors import BadSignature
from engine.signing.reasons import brief

BUNDLE_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn everything that is raised inside into one answer: `what` is not a signature.

    Raises:
        BadSignature: always instead of the error that was raised, with its first line as the reason.
    """
    try:
        yield
    except Exception as error:
        raise BadSignature(
            f"{what}: {brief(error)}", remedy="Do not use what it covers; ask the signer for the bundle again."
        ) from error


def read_bundle(data: bytes, *, limit: int) -> bundle_v1.Bundle:
    """Read a bundle with certificate, one log entry, SET, checkpoint, timestamp and envelope.

    Raises:
        InputError: the bytes are not strict JSON or more than `limit`.
        ValueError: fields are missing, unknown, of the wrong type, or could be read in two ways.
    """
    parsed = parse_json(data, what="it", limit=limit)
    bundle = bundle_v1.Bundle.from_json(data)
    if bundle.to_dict() != parsed:
        # Loose base64, integers with leading zeros, nulls: another reader might see another bundle.
        raise ValueError("a field is not written in its one proper form")
    material = bundle.verification_material
    entries = material.tlog_entries
    stamps = material.timestamp_verification_data
    evidence = {
        f"the media type {BUNDLE_MEDIA_TYPE}": bundle.media_type == BUNDLE_MEDIA_TYPE,
        "a DSSE envelope": bundle.dsse_envelope is not None,
        "a signing certificate": material.certificate is not None,
        "exactly one transparency log entry": len(entries) == 1,
        "the log's signed entry timestamp (SET)": all(entry.inclusion_promise for entry in entries),
        "the log's time of integration": all(entry.integrated_time for entry in entries),
        "the log's checkpoint": all(entry.inclusion_proof.checkpoint for entry in entries),
        "an RFC 3161 timestamp (TSA)": stamps is not None and len(stamps.rfc3161_timestamps) > 0,
    }
    for name, present in evidence.items():
        if not present:
            raise ValueError(f"it lacks {name}")
    return bundle
