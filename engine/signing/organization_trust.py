"""Whose signatures count for an organization: its own Sigstore root, and the identities it answers for.

INVARIANT: a bundle is verified under the root of the one organization it is said to come from. Roots are never
merged: a merged root would let every partner's certificate authority mint every identity.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import InputError
from engine.signing.identity import AllowedIdentity, Signatory

BUNDLE_LIMIT: Final = 4 << 20  # bytes: every statement but a model signature over very many files
TRUST_CONFIG_LIMIT: Final = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified bundle proves.

    Attributes:
        payload: the exact bytes that were signed.
        statement: the same, parsed: an in-toto Statement v1 of the predicate type that was asked for.
        subject_sha256: the digest of its only subject.
        signatory: who signed.
        time: when, according to the organization's timestamp authority (UTC).
        log: the base URL that names the transparency log.
        log_index: the entry's index in that log.
        root_fingerprint: fingerprint of the trusted root it was verified under (see `root_fingerprint`).
    """

    payload: bytes
    statement: dict[str, JSON]
    subject_sha256: str
    signatory: Signatory
    time: datetime
    log: str
    log_index: int
    root_fingerprint: str


@dataclass(frozen=True, slots=True)
class OrganizationTrust:
    """One organization's root and identities.

    Attributes:
        organization: the organization id.
        trust_config: its Sigstore ClientTrustConfig v0.1, as JSON text.
        identities: who may sign what in its name.
    """

    organization: str
    trust_config: str
    identities: tuple[AllowedIdentity, ...]

    def verify(self, bundle: bytes, *, predicate_type: str, limit: int = BUNDLE_LIMIT) -> Signed:
        """Verify a Sigstore bundle as a statement of this organization, without any network.

        Demanded are: a certificate of this organization's authority with its SCT; a signed entry timestamp, an
        inclusion proof and a checkpoint of its log; an RFC 3161 timestamp of its timestamp authority; a DSSE
        envelope around one in-toto statement about one subject; an identity that may sign this type.

        Args:
            bundle: the bundle, JSON (`application/vnd.dev.sigstore.bundle.v0.3+json`).
            predicate_type: the only predicate type that is accepted.
            limit: the largest bundle in bytes.

        Raises:
            UnknownRoot: the certificate is by no authority of this root.
            BadSignature: anything else but the identity does not verify.
            UntrustedIdentity: the signature stands, but its signatory may not make this statement.
            InputError: this organization's own trust configuration cannot be read.
        """
        # Sigstore takes half a second to import: only those who verify pay for it.
        from engine.signing.verification import verify_bundle

        return verify_bundle(bundle, self, predicate_type=predicate_type, limit=limit)

    @property
    def root_fingerprint(self) -> str:
        """The fingerprint of the trusted root (see `root_fingerprint`)."""
        return root_fingerprint(self.trust_config)


def root_fingerprint(trust_config: str) -> str:
    """Return the SHA-256 over the canonical JSON of the trusted root in a ClientTrustConfig.

    It names exactly the authorities, logs and clocks that a verification relied on, and none of the URLs.

    Raises:
        InputError: the text is not a ClientTrustConfig.
    """
    what = "a Sigstore trust configuration"
    config = parse_json(trust_config.encode("utf-8"), what=what, limit=TRUST_CONFIG_LIMIT)
    root = config.get("trustedRoot") if isinstance(config, dict) else None
    if not isinstance(root, dict):
        raise InputError(f"{what} has no object 'trustedRoot'", remedy="Use the trust_config.json of the organization.")
    return sha256(canonical(root))
