"""Looking into a bundle that nobody verified: what it says is a claim, and is reported as one."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from engine.errors import BadSignature
from engine.signing.organization_trust import BUNDLE_LIMIT


def unverified_payload(bundle: Mapping[str, Any], *, what: str) -> bytes:
    """Return the payload of a bundle's DSSE envelope. Nothing is verified.

    Args:
        bundle: a Sigstore bundle, as JSON.
        what: how errors call it.

    Raises:
        BadSignature: there is no envelope, its payload is not base64 in its one form, or over 4 MiB.
    """
    envelope = bundle.get("dsseEnvelope")
    text = envelope.get("payload") if isinstance(envelope, dict) else None
    if isinstance(text, str) and len(text) <= BUNDLE_LIMIT:
        try:
            payload = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            payload = b""
        if payload and base64.b64encode(payload).decode() == text:
            return payload
    raise BadSignature(
        f"{what} has no DSSE envelope that can be read", remedy="Ask whoever sent it for the bundle again."
    )
