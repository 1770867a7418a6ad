"""The sandbox's private keys and certificate authorities: one PEM file each, 0600, made when first needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.errors import WorkspaceError
from engine.files import write_atomic

ECDSA: Final = ec.ECDSA(hashes.SHA256())
_LIFETIME: Final = timedelta(days=3650)
_SLACK: Final = timedelta(minutes=5)  # a verifier's clock may be behind ours


@dataclass(frozen=True, slots=True)
class Authority:
    """An issuing key with its certificates.

    Attributes:
        key: the P-256 key that issues.
        chain: its certificate, then the self-signed root. The root's key signed that one and was forgotten.
    """

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, x509.Certificate]


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key in `path`, making it first if there is none.

    Raises:
        WorkspaceError: others may read the file, or it holds no such key.
    """
    if not path.exists():
        _write(path, ec.generate_private_key(ec.SECP256R1()), ())
    return _read(path)[0]


def load_certificate_authority(path: Path, *, organization: str, now: datetime) -> Authority:
    """Return the authority that issues signing certificates (Fulcio's intermediate), making it if needed.

    Raises:
        WorkspaceError: others may read the file, or it holds no such authority.
    """
    profile = (x509.BasicConstraints(ca=True, path_length=0), key_usage(certificates=True))
    return _load_authority(path, _Name(organization, "signing certificates"), profile, now)


def load_timestamp_authority(path: Path, *, organization: str, now: datetime) -> Authority:
    """Return the authority that signs timestamps, making it if needed.

    RFC 3161 section 2.3 demands that timestamps be its only extended key usage, and that it be critical.

    Raises:
        WorkspaceError: others may read the file, or it holds no such authority.
    """
    profile = (
        x509.BasicConstraints(ca=False, path_length=None),
        key_usage(digital_signature=True),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
    )
    return _load_authority(path, _Name(organization, "timestamps"), profile, now)


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_usage(*, digital_signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    """Return a key usage extension with only these bits (RFC 5280 section 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class _Name:
    organization: str
    purpose: str

    def of(self, role: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization[:64]),
                x509.NameAttribute(NameOID.COMMON_NAME, f"lading sandbox {self.purpose} {role}"),
            ]
        )


def _load_authority(path: Path, name: _Name, profile: Sequence[x509.ExtensionType], now: datetime) -> Authority:
    if not path.exists():
        _make_authority(path, name, profile, now)
    key, certificates = _read(path)
    if len(certificates) != 2:  # noqa: PLR2004 - the chain: one that issues, one root
        raise _broken(path, f"{len(certificates)} certificates, expected 2")
    return Authority(key, (certificates[0], certificates[1]))


def _make_authority(path: Path, name: _Name, profile: Sequence[x509.ExtensionType], now: datetime) -> None:
    root_key, key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    root_profile = (x509.BasicConstraints(ca=True, path_length=None), key_usage(certificates=True))
    start = now.replace(microsecond=0) - _SLACK

    def certificate(
        role: str, subject_key: ec.EllipticCurvePublicKey, extensions: Sequence[x509.ExtensionType]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder(subject_name=name.of(role), issuer_name=name.of("root"), public_key=subject_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(root_key, hashes.SHA384())

    root = certificate("root", root_key.public_key(), root_profile)
    _write(path, key, (certificate("authority", key.public_key(), profile), root))


def _write(path: Path, key: ec.EllipticCurvePrivateKey, certificates: Sequence[x509.Certificate]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomic(path, private + b"".join(c.public_bytes(Encoding.PEM) for c in certificates), mode=0o600)


def _read(path: Path) -> tuple[ec.EllipticCurvePrivateKey, list[x509.Certificate]]:
    if path.stat().st_mode & 0o077:
        raise WorkspaceError(f"others may read the key file {path}", remedy=f"Run: chmod 600 {path}")
    data = path.read_bytes()
    try:
        key = load_pem_private_key(data, password=None)
        certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERTIFICATE" in data else []
    except ValueError as error:
        raise _broken(path, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _broken(path, "no P-256 private key")
    return key, certificates


def _broken(path: Path, found: str) -> WorkspaceError:
    return WorkspaceError(
        f"the key file {path} holds {found}",
        remedy="Restore it from a backup; otherwise every partner must trust a new sandbox.",
    )
