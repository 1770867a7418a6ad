"""The document in which an organization tells its partners what to trust, in the manner of TUF's root metadata.

It is signed by a threshold of the root keys it lists. Its successor must be signed by a threshold of both its own
keys and its predecessor's, so that one stolen key cannot rotate. The first document a partner sees vouches for
itself, which proves nothing: a person confirms its fingerprint by another way, once.

The file is canonical JSON, `{"signatures": [{"keyid", "sig"}], "signed": {…}}`; see `docs/formats/trust.md`.

Specifications: after The Update Framework 1.0, section 5.3 (update the root role); RFC 8785; RFC 8032 (Ed25519).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from engine.digest import canonical, parse_canonical, sha256
from engine.errors import BadSignature, InputError
from engine.events import SKEW, timestamp
from engine.signing.identity import AllowedIdentity, Issuer, Organization
from engine.signing.organization_trust import TRUST_CONFIG_LIMIT
from engine.signing.reasons import brief

KEPT: Final = 64  # documents that were read last: each question about what a partner signed reads its document
LIMIT: Final = TRUST_CONFIG_LIMIT + (1 << 20)  # bytes of the whole file
_MOST_KEYS: Final = 16
_REMEDY: Final = "Ask the organization for its newest trust document, over a channel you already trust."


def _printable(text: str) -> str:
    # What a person confirms must read the same on every screen: no control or bidirectional characters.
    if not text.isprintable():
        raise ValueError("expected printable characters only")
    return text


def _gateway_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or not parts.port or text != f"https://{parts.netloc}":
        raise ValueError("expected https://host:port")
    if "@" in parts.netloc:
        raise ValueError("a gateway address names no user")
    return text


def _certificate(text: str) -> str:
    if len(x509.load_pem_x509_certificates(text.encode("utf-8"))) != 1:
        raise ValueError("expected one PEM certificate")
    return text


def _raw_key(text: str) -> str:
    Ed25519PublicKey.from_public_bytes(_decode(text))
    return text


Moment = Annotated[AwareDatetime, PlainSerializer(timestamp, when_used="json")]
VerifierKey = Annotated[str, Field(pattern=r"^[!-*,-~]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$")]


class TrustDocument(BaseModel):
    """What one organization asks its partners to trust.

    Attributes:
        format: always `lading/trust/v1`.
        organization: the organization id.
        name: what people call it.
        region: where it is, as agreements name destinations (ISO 3166: `NO`, `US-CA`).
        version: 1, then each successor one more.
        issued: when it was made.
        expires: from when on it is no longer trusted.
        gateway_url: `https://host:port` of its gateway.
        issuer: the OpenID Connect issuer of its identities.
        trust_config: its Sigstore ClientTrustConfig v0.1.
        identities: who may sign what in its name.
        gateway_ca: PEM certificates that its gateway's certificates chain to.
        log_keys: verifier keys (C2SP signed-note) of its audit logs.
        witness_keys: verifier keys of its witness.
        roots: the Ed25519 keys that sign this document: hexadecimal SHA-256 of the raw key to raw key (base64).
        threshold: how many of them must sign; at least 2.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["lading/trust/v1"] = "lading/trust/v1"
    organization: Organization
    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    version: Annotated[int, Field(ge=1, le=2**31, strict=True)]
    issued: Moment
    expires: Moment
    gateway_url: Annotated[str, Field(max_length=300), AfterValidator(_gateway_url)]
    issuer: Issuer
    trust_config: dict[str, Any]
    identities: Annotated[tuple[AllowedIdentity, ...], Field(min_length=1, max_length=10_000)]
    gateway_ca: Annotated[tuple[Annotated[str, AfterValidator(_certificate)], ...], Field(min_length=1, max_length=16)]
    log_keys: Annotated[tuple[VerifierKey, ...], Field(min_length=1, max_length=16)]
    witness_keys: Annotated[tuple[VerifierKey, ...], Field(max_length=16)] = ()
    roots: Annotated[dict[str, Annotated[str, AfterValidator(_raw_key)]], Field(max_length=_MOST_KEYS)]
    threshold: Annotated[int, Field(ge=2, strict=True)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("it expires before it was issued")
        if self.threshold > len(self.roots):
            raise ValueError(f"a threshold of {self.threshold} cannot be met by {len(self.roots)} root keys")
        for name, key in self.roots.items():
            if name != sha256(_decode(key)):
                raise ValueError(f"the root key {name:.16} is not named by its SHA-256")
        self._demand_own_keys()
        return self

    def _demand_own_keys(self) -> None:
        """Refuse keys that claim to be of another organization's log or witness: each speaks for its own alone."""
        own = re.compile(rf"{re.escape(self.organization)}/lading/audit/(0|[1-9][0-9]{{0,8}})")
        origins = [vkey.partition("+")[0] for vkey in self.log_keys]
        for name in origins:
            if own.fullmatch(name) is None:
                raise ValueError(f"found the log key {name!a}, expected {self.organization}/lading/audit/<number>")
        if len(set(origins)) != len(origins):
            raise ValueError("two log keys are of one log")
        for name in (vkey.partition("+")[0] for vkey in self.witness_keys):
            if not name.startswith(f"{self.organization}/"):
                raise ValueError(f"found the witness key {name!a}, expected a name under {self.organization}/")

    def canonical(self) -> bytes:
        """Return the canonical JSON that is signed."""
        return canonical(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """The SHA-256 that agreements pin the document by."""
        return sha256(self.canonical())

    def trust_config_text(self) -> str:
        """Return the ClientTrustConfig as the canonical JSON text that Sigstore tools take."""
        return canonical(self.trust_config).decode("utf-8")


def key_id(key: Ed25519PublicKey) -> str:
    """Return the id of a root key: SHA-256 of its 32 raw bytes, hexadecimal."""
    return sha256(key.public_bytes_raw())


def root_keys(keys: Sequence[Ed25519PublicKey]) -> dict[str, str]:
    """Return the `roots` of a document for these keys."""
    return {key_id(key): base64.b64encode(key.public_bytes_raw()).decode("ascii") for key in keys}


def fingerprint(document: TrustDocument) -> str:
    """Return what two people compare: 160 bits of the SHA-256 over the signed part, ten groups of four digits."""
    digits = document.digest[:40]
    return "-".join(digits[start : start + 4] for start in range(0, 40, 4))


def sign_trust(document: TrustDocument, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Return the signed document: canonical JSON, signatures in the order of their key ids.

    Args:
        document: what to sign.
        keys: its own root keys; for a successor, also those of its predecessor.
    """
    signed = document.canonical()
    signatures = {key_id(key.public_key()): base64.b64encode(key.sign(signed)).decode("ascii") for key in keys}
    listed = [{"keyid": name, "sig": signatures[name]} for name in sorted(signatures)]
    return canonical({"signed": document.model_dump(mode="json"), "signatures": listed})


@lru_cache(maxsize=KEPT)
def read_trust(data: bytes) -> TrustDocument:
    """Read a signed document that vouches for itself, however old it is. The same bytes are the same document.

    Raises:
        InputError: it is not a trust document, or not in its one canonical form.
        BadSignature: fewer than `threshold` of its own root keys signed it.
    """
    document, signatures = _parse(data)
    _demand(document, signatures, document, "its own")
    return document


def verify_trust(data: bytes, *, now: datetime, previous: TrustDocument | None) -> TrustDocument:
    """Verify a signed document that is to be trusted from now on.

    Args:
        data: the file.
        now: the time that it must be valid at.
        previous: the document it replaces, or None if a person must confirm its fingerprint.

    Raises:
        InputError: it is not a trust document.
        BadSignature: its signatures do not reach the thresholds, it has expired or is from the future, or it is
            not the next version of `previous`.
    """
    document, signatures = _parse(data)
    _demand(document, signatures, document, "its own")
    if previous is not None:
        _demand(document, signatures, previous, "its predecessor's")
        if document.organization != previous.organization:
            raise _untrusted(document, f"it would replace the one of {previous.organization}")
        if document.version != previous.version + 1:
            raise _untrusted(document, f"expected version {previous.version + 1} after {previous.version}")
    if document.expires <= now:
        raise _untrusted(document, f"it expired at {timestamp(document.expires)}")
    if document.issued > now + SKEW:
        raise _untrusted(document, f"it was issued at {timestamp(document.issued)}, which is in the future")
    return document


class _Signature(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keyid: str
    sig: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    signed: TrustDocument
    signatures: Annotated[tuple[_Signature, ...], Field(max_length=2 * _MOST_KEYS)]


def _parse(data: bytes) -> tuple[TrustDocument, Mapping[str, str]]:
    parsed = parse_canonical(data, what="the trust document", limit=LIMIT)
    try:
        file = _File.model_validate(parsed)
    except ValidationError as error:
        raise InputError(f"the trust document cannot be read: {brief(error)}", remedy=_REMEDY) from error
    if not isinstance(parsed, dict) or file.signed.canonical() != canonical(parsed["signed"]):
        raise InputError("the trust document has a field that is not in its one proper form", remedy=_REMEDY)
    return file.signed, {signature.keyid: signature.sig for signature in file.signatures}


def _demand(document: TrustDocument, signatures: Mapping[str, str], authority: TrustDocument, whose: str) -> None:
    """Check that `authority`'s threshold signed `document`. Each of its keys counts once, whoever else signed."""
    signed = document.canonical()
    good = sum(_is_signed(signed, key, signatures.get(name)) for name, key in authority.roots.items())
    if good < authority.threshold:
        raise _untrusted(document, f"{good} of {whose} root keys signed it, expected {authority.threshold}")


def _is_signed(signed: bytes, key: str, signature: str | None) -> bool:
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(_decode(key)).verify(_decode(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decode(text: str) -> bytes:
    """Decode base64 that has one spelling (RFC 4648 section 3.5: no stray bits, no other characters)."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode("ascii") != text:
        raise ValueError("base64 with stray bits")
    return raw


def _untrusted(document: TrustDocument, why: str) -> BadSignature:
    return BadSignature(
        f"the trust document of {document.organization}, version {document.version}, cannot be trusted: {why}",
        remedy=_REMEDY,
    )
