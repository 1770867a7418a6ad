"""The sandbox's ClientTrustConfig: what to trust, and where to sign.

Partners and foreign tools get it with stable names for URLs, since they only verify; the sandbox's own signer gets
it with the loopback address of the moment.

Specification: Sigstore protobuf-specs, ClientTrustConfig v0.1, TrustedRoot v0.1, SigningConfig v0.2.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from engine.digest import JSON
from engine.signing.sandbox.keys import Authority, spki


@dataclass(frozen=True, slots=True)
class Services:
    """Where the signing services answer.

    Attributes:
        certificates: Fulcio's base URL.
        issuer: the OpenID Connect issuer's URL.
        log: Rekor's base URL.
        timestamps: the full URL of the timestamp authority.
    """

    certificates: str
    issuer: str
    log: str
    timestamps: str


def stable_services(organization: str) -> Services:
    """Return the names that stand in the public configuration; nothing listens there."""
    return Services(
        certificates=f"https://fulcio.{organization}",
        issuer=f"https://oidc.{organization}",
        log=f"https://rekor.{organization}",
        timestamps=f"https://tsa.{organization}/api/v1/timestamp",
    )


@dataclass(frozen=True, slots=True)
class Instance:
    """What a sandbox is recognized by: its authorities and the public keys of its logs."""

    organization: str
    certificates: Authority
    timestamps: Authority
    log_key: ec.EllipticCurvePublicKey
    certificate_log_key: ec.EllipticCurvePublicKey


def client_trust_config(instance: Instance, services: Services) -> dict[str, JSON]:
    """Return the ClientTrustConfig as JSON values; the same keys and URLs always give the same values."""
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": _trusted_root(instance),
        "signingConfig": _signing_config(instance, services),
    }


def _trusted_root(instance: Instance) -> dict[str, JSON]:
    names = stable_services(instance.organization)
    start = _start(instance)
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        # The base URL must contain the name under the log's checkpoints: verifiers match the two.
        "tlogs": [_log(names.log, instance.log_key, start)],
        "certificateAuthorities": [_authority(names.certificates, instance.certificates, instance.organization)],
        "ctlogs": [_log(f"https://ctfe.{instance.organization}", instance.certificate_log_key, start)],
        "timestampAuthorities": [
            _authority(f"https://tsa.{instance.organization}", instance.timestamps, instance.organization)
        ],
    }


def _signing_config(instance: Instance, services: Services) -> dict[str, JSON]:
    def service(url: str) -> Sequence[JSON]:
        valid = {"start": _start(instance)}
        return [{"url": url, "majorApiVersion": 1, "validFor": valid, "operator": instance.organization}]

    return {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(services.certificates),
        "oidcUrls": service(services.issuer),
        "rekorTlogUrls": service(services.log),
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(services.timestamps),
        "tsaConfig": {"selector": "ANY"},
    }


def _log(base_url: str, key: ec.EllipticCurvePublicKey, start: str) -> dict[str, JSON]:
    return {
        "baseUrl": base_url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _base64(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": start},
        },
        "logId": {"keyId": _base64(hashlib.sha256(spki(key)).digest())},
    }


def _authority(uri: str, authority: Authority, organization: str) -> dict[str, JSON]:
    root = authority.chain[1]
    common_name = root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    certificates = [{"rawBytes": _base64(one.public_bytes(Encoding.DER))} for one in authority.chain]
    return {
        "subject": {"organization": organization, "commonName": str(common_name)},
        "uri": uri,
        "certChain": {"certificates": certificates},
        "validFor": {"start": _time(root)},
    }


def _start(instance: Instance) -> str:
    return _time(instance.certificates.chain[1])


def _time(certificate: x509.Certificate) -> str:
    return certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
