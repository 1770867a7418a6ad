"""The gateway's certificate authority: one key per organization, and certificates that live for an hour at most.

A gateway's certificate says who it is in one place, its URI name `spiffe://<organization>/gateway` (SPIFFE
X.509-SVID). Partners pin the authority's certificate in the trust document.

The authority's certificate has no name constraints: the verifying library does not read constraints on URIs, and
therefore refuses them. They would add nothing, since every leaf is verified against the bundle of the very
organization it names (`engine.wire.tls.peer_organization`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.errors import InputError, UsageError
from engine.events import SKEW, Clock

AUTHORITY_LIFE: Final = timedelta(days=3653)
LONGEST_LEAF: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A gateway's certificate and its key.

    Attributes:
        certificate: in PEM.
        key: PKCS #8 in PEM, not encrypted.
        expires: the first moment at which it is no longer valid.
    """

    certificate: str
    key: str = field(repr=False)
    expires: datetime


class GatewayCA:
    """Issues this organization's gateway certificates."""

    def __init__(self, pem: bytes, clock: Clock) -> None:
        """Take up an authority from what `pem()` returned.

        Raises:
            InputError: it is not an EC key and its certificate in PEM.
        """
        try:
            key = load_pem_private_key(pem, password=None)
            self._certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise _unreadable(str(error)) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise _unreadable("its key is not an elliptic-curve key")
        if key.public_key() != self._certificate.public_key():
            raise _unreadable("the certificate is of another key")
        self._key = key
        self._clock = clock

    @classmethod
    def create(cls, organization: str, clock: Clock) -> Self:
        """Make the authority of an organization, with a new P-256 key."""
        key = ec.generate_private_key(ec.SECP256R1())
        common_name = f"{organization} gateway"[:64]  # the longest common name X.520 allows
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            _draft(name, name, key.public_key(), clock() - SKEW, clock() + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(_key_pem(key) + certificate.public_bytes(Encoding.PEM), clock)

    def pem(self) -> bytes:
        """Return key and certificate. Whoever has them can speak for the gateway: keep them 0600."""
        return _key_pem(self._key) + self.certificate.encode("ascii")

    @property
    def certificate(self) -> str:
        """The authority's certificate in PEM, which partners pin."""
        return self._certificate.public_bytes(Encoding.PEM).decode("ascii")

    def issue_leaf(self, uri: str, ttl: timedelta) -> Leaf:
        """Issue a certificate for a new key, for both ends of a connection.

        Args:
            uri: the SPIFFE id it is for, such as `spiffe://acme.example/gateway`.
            ttl: how long it lives from now on, at most `LONGEST_LEAF`.

        Raises:
            UsageError: it would live too long, or longer than the authority.
        """
        now = self._clock()
        expires = (now + ttl).replace(microsecond=0)
        if ttl > LONGEST_LEAF or expires > self._certificate.not_valid_after_utc:
            raise UsageError(
                f"a gateway certificate until {expires:%Y-%m-%d %H:%M}: it may live for {LONGEST_LEAF} at most, "
                f"and no longer than its authority ({self._certificate.not_valid_after_utc:%Y-%m-%d})",
                remedy="Ask for a shorter life; an authority near its end is replaced by a new trust document.",
            )
        key = ec.generate_private_key(ec.SECP256R1())
        both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        certificate = (
            _draft(self._certificate.subject, x509.Name([]), key.public_key(), now - SKEW, expires)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(both_ends, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
        return Leaf(pem, _key_pem(key).decode("ascii"), expires)


def gateway_id(organization: str) -> str:
    """Return the SPIFFE id of an organization's gateway."""
    return f"spiffe://{organization}/gateway"


def _draft(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _unreadable(why: str) -> InputError:
    return InputError(
        f"the gateway's certificate authority cannot be read: {why}",
        remedy="Restore its file from your backup; making it anew needs a new trust document.",
    )
