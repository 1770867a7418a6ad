"""The sandbox's Fulcio: ten-minute signing certificates for whoever shows a token, with an embedded SCT.

Specifications: Fulcio v2 API (`signingCert`), Fulcio's certificate profile, RFC 6962 section 3.2 (an SCT over a
precertificate).
"""

import base64
import hashlib
import struct
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.digest import JSON, parse_json
from engine.errors import InputError
from engine.signing.certificate import ISSUER, ISSUER_V1
from engine.signing.identity import Signatory
from engine.signing.sandbox.keys import ECDSA, Authority, key_usage, spki

REQUEST_LIMIT: Final = 64 << 10  # bytes
_LIFETIME: Final = timedelta(minutes=10)
_SCT_LIST: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


class CertificateService:
    """Issues signing certificates, and promises them to a certificate log of which only the key exists."""

    def __init__(self, authority: Authority, log_key: ec.EllipticCurvePrivateKey) -> None:
        self._authority = authority
        self._log_key = log_key
        self._log_id = hashlib.sha256(spki(log_key.public_key())).digest()

    def answer(self, request: bytes, signatory: Signatory, now: datetime) -> dict[str, JSON]:
        """Answer a `signingCert` request of `signatory`, whose token was checked.

        Raises:
            InputError: the request holds no certificate signing request with a P-256 key and its proof.
        """
        certificate = self.issue(_public_key(request), signatory, now)
        chain = [one.public_bytes(Encoding.PEM).decode("ascii") for one in (certificate, *self._authority.chain)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def issue(self, public_key: ec.EllipticCurvePublicKey, signatory: Signatory, now: datetime) -> x509.Certificate:
        """Return a certificate for ten minutes from `now`, floored to the second so that it is valid at once."""
        start = now.replace(microsecond=0)
        issuer = self._authority.chain[0]
        builder = (
            x509.CertificateBuilder(subject_name=x509.Name([]), issuer_name=issuer.subject, public_key=public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _LIFETIME)
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([_general_name(signatory.identity)]), critical=True)
            .add_extension(_extension(ISSUER_V1, signatory.issuer.encode("utf-8")), critical=False)
            .add_extension(_extension(ISSUER, asn1.encode_der(signatory.issuer)), critical=False)
        )
        # The SCT covers the certificate as it would be without the SCT: sign once for the bytes, once for real.
        precertificate = builder.sign(self._authority.key, hashes.SHA256()).tbs_certificate_bytes
        promise = _extension(_SCT_LIST, asn1.encode_der(self._promise(precertificate, now)))
        return builder.add_extension(promise, critical=False).sign(self._authority.key, hashes.SHA256())

    def _promise(self, precertificate: bytes, now: datetime) -> bytes:
        """Return a SignedCertificateTimestampList with one SCT (RFC 6962 sections 3.2 and 3.3)."""
        milliseconds = int(now.timestamp() * 1000)
        issuer_key_hash = hashlib.sha256(spki(self._authority.key.public_key())).digest()
        # version v1, certificate_timestamp, precert_entry, the TBS behind its 24-bit length, no extensions
        entry = issuer_key_hash + len(precertificate).to_bytes(3, "big") + precertificate
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0"
        signature = self._log_key.sign(signed, ECDSA)
        # hash algorithm sha256(4), signature algorithm ecdsa(3)
        sct = struct.pack("!B32sQH", 0, self._log_id, milliseconds, 0) + b"\x04\x03" + _prefixed(signature)
        return _prefixed(_prefixed(sct))


def _public_key(request: bytes) -> ec.EllipticCurvePublicKey:
    remedy = "Send a PEM certificate signing request (base64) with a P-256 key."
    parsed = parse_json(request, what="the certificate request", limit=REQUEST_LIMIT)
    encoded = parsed.get("certificateSigningRequest") if isinstance(parsed, dict) else None
    try:
        csr = x509.load_pem_x509_csr(base64.b64decode(str(encoded), validate=True))
        key = csr.public_key()
        if not csr.is_signature_valid:
            raise InputError("the request's signature does not prove possession of its key", remedy=remedy)
    except ValueError as error:
        raise InputError(f"the request has no certificate signing request: {error}", remedy=remedy) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise InputError("the request's key is not on P-256", remedy=remedy)
    return key


def _general_name(identity: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)


def _extension(oid: x509.ObjectIdentifier, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, value)


def _prefixed(data: bytes) -> bytes:
    """Put the 16-bit length in front, as TLS encodes `opaque<0..2^16-1>`."""
    return struct.pack("!H", len(data)) + data
