"""The structures of a timestamp request and its answer, as DER.

Specifications: RFC 3161 (TimeStampReq, TimeStampResp, TSTInfo), RFC 5652 (SignedData), RFC 5816 (ESSCertIDv2).
"""

from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.x509 import Certificate, ObjectIdentifier

SHA256: Final = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
ECDSA_WITH_SHA256: Final = ObjectIdentifier("1.2.840.10045.4.3.2")
SIGNED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.2")
TST_INFO: Final = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
CONTENT_TYPE: Final = ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST: Final = ObjectIdentifier("1.2.840.113549.1.9.4")
SIGNING_TIME: Final = ObjectIdentifier("1.2.840.113549.1.9.5")
SIGNING_CERTIFICATE_V2: Final = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")


@asn1.sequence
class AlgorithmIdentifier:
    """RFC 5280 section 4.1.1.2; the parameters of SHA-256 are absent or NULL."""

    algorithm: ObjectIdentifier
    parameters: asn1.Null | None = None


@asn1.sequence
class MessageImprint:
    """RFC 3161 section 2.4.1."""

    hash_algorithm: AlgorithmIdentifier
    hashed_message: bytes


@asn1.sequence
class TimeStampReq:
    """RFC 3161 section 2.4.1, without extensions: none is known here, so a request with one is refused."""

    version: int
    message_imprint: MessageImprint
    policy: ObjectIdentifier | None
    nonce: int | None
    cert_req: Annotated[bool, asn1.Default(False)]


@asn1.sequence
class Accuracy:
    """RFC 3161 section 2.4.2, in whole seconds."""

    seconds: int


@asn1.sequence
class TSTInfo:
    """RFC 3161 section 2.4.2: what the authority says."""

    version: int
    policy: ObjectIdentifier
    message_imprint: MessageImprint
    serial_number: int
    gen_time: asn1.GeneralizedTime
    accuracy: Accuracy
    nonce: int | None


@asn1.sequence
class EncapsulatedContent:
    """RFC 5652 section 5.2."""

    content_type: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class IssuerAndSerialNumber:
    """RFC 5652 section 10.2.4."""

    issuer: asn1.TLV
    serial_number: int


@asn1.sequence
class ESSCertIDv2:
    """RFC 5816 section 2.2.1: the SHA-256 of a certificate (its algorithm is the default, so absent)."""

    cert_hash: bytes


@asn1.sequence
class SigningCertificateV2:
    """RFC 5035 section 3."""

    certs: list[ESSCertIDv2]


@asn1.sequence
class Attribute:
    """RFC 5652 section 5.3, with the four kinds of value a timestamp has."""

    type: ObjectIdentifier
    values: asn1.SetOf[ObjectIdentifier | asn1.UTCTime | bytes | SigningCertificateV2]


@asn1.sequence
class SignerInfo:
    """RFC 5652 section 5.3."""

    version: int
    sid: IssuerAndSerialNumber
    digest_algorithm: AlgorithmIdentifier
    signed_attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes


@asn1.sequence
class SignedData:
    """RFC 5652 section 5.1."""

    version: int
    digest_algorithms: asn1.SetOf[AlgorithmIdentifier]
    content: EncapsulatedContent
    certificates: Annotated[asn1.SetOf[Certificate] | None, asn1.Implicit(0)]
    signer_infos: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    """RFC 5652 section 3."""

    content_type: ObjectIdentifier
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class PKIStatusInfo:
    """RFC 3161 section 2.4.2; 0 is granted."""

    status: int


@asn1.sequence
class TimeStampResp:
    """RFC 3161 section 2.4.2."""

    status: PKIStatusInfo
    token: ContentInfo
