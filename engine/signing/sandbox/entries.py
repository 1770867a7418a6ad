"""The sandbox's Rekor v1: checks a proposed `dsse` entry, logs it, and answers with promise and proof.

Specifications: Rekor v1 API (`POST /api/v1/log/entries`), Rekor type dsse 0.0.1, DSSE v1, RFC 8785.
"""

import base64
import hashlib
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field

from engine.digest import JSON, canonical
from engine.errors import InputError
from engine.signing.reasons import brief
from engine.signing.sandbox.keys import ECDSA, Authority
from engine.signing.sandbox.log import TransparencyLog
from engine.signing.sandbox.merkle import leaf_hash

REQUEST_LIMIT: Final = 64 << 20  # bytes: a model signature names every file of the model


class LogService:
    """Logs DSSE envelopes that were signed with one of the sandbox's own certificates; nothing else gets in."""

    def __init__(self, log: TransparencyLog, authority: Authority) -> None:
        self._log = log
        self._authority = authority

    def answer(self, request: bytes, now: datetime) -> dict[str, JSON]:
        """Log a proposed entry and return the log's answer, keyed by the entry's leaf hash.

        Raises:
            InputError: the entry is not a `dsse` entry, or its signature or certificate does not verify.
            StoreError: the log cannot be written.
        """
        signed = _read(request)
        self._check(signed, now)
        body = _body(signed)
        logged = self._log.append(body)
        entry: dict[str, JSON] = {
            "body": _base64(body),
            "integratedTime": int(now.timestamp()),
            "logID": self._log.id.hex(),
            "logIndex": logged.index,
        }
        promise = self._log.sign(canonical(entry))
        proof: dict[str, JSON] = {
            "checkpoint": logged.checkpoint,
            "hashes": [node.hex() for node in logged.proof],
            "logIndex": logged.index,
            "rootHash": logged.root.hex(),
            "treeSize": logged.size,
        }
        verification: dict[str, JSON] = {"signedEntryTimestamp": _base64(promise), "inclusionProof": proof}
        return {leaf_hash(body).hex(): {**entry, "verification": verification}}

    def _check(self, signed: "_Signed", now: datetime) -> None:
        remedy = "Sign with a certificate of this sandbox while it is valid."
        certificate = signed.certificate
        try:
            certificate.verify_directly_issued_by(self._authority.chain[0])
        except (ValueError, TypeError, InvalidSignature):
            raise InputError("the entry's certificate was not issued by this sandbox", remedy=remedy) from None
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise InputError("the entry's certificate is not valid now", remedy=remedy)
        if not _is_signed(signed):
            raise InputError("the entry's signature is not by the key in its certificate", remedy=remedy)


class _Signed(NamedTuple):
    envelope: bytes
    payload_type: str
    payload: bytes
    signature: bytes
    certificate: x509.Certificate


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Signature(_Model):
    sig: str


class _Envelope(_Model):
    payload: str
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[_Signature]


class _Content(_Model):
    envelope: str
    verifiers: tuple[str]


class _Spec(_Model):
    proposed_content: _Content = Field(alias="proposedContent")


class _Entry(_Model):
    api_version: str = Field(alias="apiVersion", pattern=r"^0\.0\.1$")
    kind: str = Field(pattern="^dsse$")
    spec: _Spec


def _read(request: bytes) -> _Signed:
    try:
        content = _Entry.model_validate_json(request).spec.proposed_content
        envelope = _Envelope.model_validate_json(content.envelope)
        return _Signed(
            content.envelope.encode("utf-8"),
            envelope.payload_type,
            base64.b64decode(envelope.payload, validate=True),
            base64.b64decode(envelope.signatures[0].sig, validate=True),
            x509.load_pem_x509_certificate(base64.b64decode(content.verifiers[0], validate=True)),
        )
    except ValueError as error:
        raise InputError(
            f"the proposed entry is not a dsse 0.0.1 entry: {brief(error)}",
            remedy="Propose a DSSE envelope with one signature.",
        ) from error


def _is_signed(signed: _Signed) -> bool:
    key = signed.certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signed.signature, _pre_authentication_encoding(signed.payload_type, signed.payload), ECDSA)
    except InvalidSignature:
        return False
    return True


def _body(signed: _Signed) -> bytes:
    """Return the canonical entry: digests of envelope and payload, the signature, the certificate."""
    verifier = _base64(signed.certificate.public_bytes(Encoding.PEM))
    return canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(signed.envelope).hexdigest()},
                "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(signed.payload).hexdigest()},
                "signatures": [{"signature": _base64(signed.signature), "verifier": verifier}],
            },
        }
    )


def _pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes a DSSE signature covers (DSSE v1 protocol)."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
