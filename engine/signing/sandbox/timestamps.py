"""The sandbox's timestamp authority (RFC 3161): it signs that a digest existed, and when."""

import hashlib
import secrets
from datetime import datetime
from typing import Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier

from engine.errors import InputError
from engine.signing.sandbox import rfc3161
from engine.signing.sandbox.keys import ECDSA, Authority

REQUEST_LIMIT: Final = 4 << 10  # bytes
_POLICY: Final = ObjectIdentifier("1.3.6.1.4.1.57264.2")  # the policy that Sigstore's own authority states
_ACCURACY: Final = 1  # second, since the time is floored


class TimestampService:
    """Answers timestamp requests over SHA-256 digests."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def answer(self, request: bytes, now: datetime) -> bytes:
        """Return the DER answer to a DER request.

        Raises:
            InputError: the request is not one, or asks for another digest or policy.
        """
        wanted = _read(request)
        info = rfc3161.TSTInfo(
            version=1,
            policy=_POLICY,
            message_imprint=wanted.message_imprint,
            serial_number=secrets.randbits(63),
            gen_time=asn1.GeneralizedTime(now.replace(microsecond=0)),
            accuracy=rfc3161.Accuracy(seconds=_ACCURACY),
            nonce=wanted.nonce,
        )
        content = asn1.encode_der(info)
        sha256 = rfc3161.AlgorithmIdentifier(algorithm=rfc3161.SHA256)
        signed_data = rfc3161.SignedData(
            version=3,
            digest_algorithms=asn1.SetOf([sha256]),
            content=rfc3161.EncapsulatedContent(content_type=rfc3161.TST_INFO, content=content),
            certificates=asn1.SetOf([self._authority.chain[0]]) if wanted.cert_req else None,
            signer_infos=asn1.SetOf([self._sign(content, sha256, now)]),
        )
        token = rfc3161.ContentInfo(content_type=rfc3161.SIGNED_DATA, content=signed_data)
        return asn1.encode_der(rfc3161.TimeStampResp(status=rfc3161.PKIStatusInfo(status=0), token=token))

    def _sign(self, content: bytes, sha256: rfc3161.AlgorithmIdentifier, now: datetime) -> rfc3161.SignerInfo:
        certificate = self._authority.chain[0]
        fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
        attributes = asn1.SetOf(
            [
                _attribute(rfc3161.CONTENT_TYPE, rfc3161.TST_INFO),
                _attribute(rfc3161.SIGNING_TIME, asn1.UTCTime(now.replace(microsecond=0))),
                _attribute(rfc3161.MESSAGE_DIGEST, hashlib.sha256(content).digest()),
                _attribute(
                    rfc3161.SIGNING_CERTIFICATE_V2,
                    rfc3161.SigningCertificateV2(certs=[rfc3161.ESSCertIDv2(cert_hash=fingerprint)]),
                ),
            ]
        )
        return rfc3161.SignerInfo(
            version=1,
            sid=rfc3161.IssuerAndSerialNumber(
                issuer=asn1.decode_der(asn1.TLV, certificate.issuer.public_bytes()),
                serial_number=certificate.serial_number,
            ),
            digest_algorithm=sha256,
            signed_attributes=attributes,
            signature_algorithm=rfc3161.AlgorithmIdentifier(algorithm=rfc3161.ECDSA_WITH_SHA256),
            # RFC 5652 section 5.4: what is signed is the SET itself, not its implicit tag in the structure.
            signature=self._authority.key.sign(asn1.encode_der(attributes), ECDSA),
        )


def _attribute(
    kind: ObjectIdentifier, value: ObjectIdentifier | asn1.UTCTime | bytes | rfc3161.SigningCertificateV2
) -> rfc3161.Attribute:
    return rfc3161.Attribute(type=kind, values=asn1.SetOf([value]))


def _read(request: bytes) -> rfc3161.TimeStampReq:
    remedy = "Ask for a timestamp over a SHA-256 digest, without extensions and without a policy."
    try:
        wanted = asn1.decode_der(rfc3161.TimeStampReq, request)
    except ValueError as error:
        raise InputError(f"the timestamp request cannot be read: {error}", remedy=remedy) from error
    imprint = wanted.message_imprint
    if (
        imprint.hash_algorithm.algorithm != rfc3161.SHA256
        or len(imprint.hashed_message) != hashlib.sha256().digest_size
    ):
        raise InputError("the timestamp request is not over a SHA-256 digest", remedy=remedy)
    if wanted.policy not in {None, _POLICY}:
        raise InputError(f"the timestamp request asks for a policy other than {_POLICY.dotted_string}", remedy=remedy)
    return wanted
