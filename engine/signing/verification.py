"""Verifying a bundle with sigstore-python, and refusing what that library lets pass.

The library accepts a bundle without a signed entry timestamp or without an RFC 3161 timestamp as long as one of
them is left, skips timestamps that do not verify, tries every key for a log it does not know, decodes base64
loosely, and leaves payload type, subject and predicate type to its caller. All of that is checked here.

Specifications: Sigstore client specification (verification), Sigstore bundle v0.3, DSSE v1, RFC 3161, RFC 6962.
"""

from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.x509 import Certificate
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.verify import Verifier
from sigstore_models.bundle import v1 as bundle_v1

from engine.errors import InputError, UnknownRoot, UntrustedIdentity
from engine.signing.bundle import read_bundle, refusing
from engine.signing.certificate import read_signatory
from engine.signing.organization_trust import OrganizationTrust, Signed, root_fingerprint
from engine.signing.reasons import brief, printable
from engine.signing.statement import PAYLOAD_TYPE, parse_statement
from engine.signing.verified import VERIFIED


def verify_bundle(data: bytes, trust: OrganizationTrust, *, predicate_type: str, limit: int) -> Signed:
    """Verify `data` under `trust`; see `OrganizationTrust.verify` for what is demanded and raised."""

    def verify() -> Signed:
        return _verify(data, trust, predicate_type, limit)

    return verify() if len(data) > limit else VERIFIED.verify(data, trust, predicate_type, verify)


def _verify(data: bytes, trust: OrganizationTrust, predicate_type: str, limit: int) -> Signed:
    config = load_trust_config(trust.trust_config, what=f"the trust configuration of {trust.organization}")
    root = config.trusted_root
    fingerprint = root_fingerprint(trust.trust_config)
    what = f"the bundle shown as {predicate_type} of {trust.organization}"
    with refusing(what):
        inner = read_bundle(data, limit=limit)
        bundle = Bundle(inner)
        signatory = read_signatory(bundle.signing_certificate)
    what = f"{what}, signed by {printable(str(signatory))}"
    tried = f"{what}, tried against the root {fingerprint[:16]}"
    _check_authority(bundle.signing_certificate, root, tried)
    with refusing(tried):
        log = _check_log(inner, root)
        verifier = Verifier(trusted_root=root)
        payload_type, payload = verifier.verify_dsse(bundle, _Anybody())
        if payload_type != PAYLOAD_TYPE:
            raise ValueError(f"the envelope holds {payload_type!a:.100}, expected {PAYLOAD_TYPE}")
        time = _check_timestamps(bundle, verifier)
    statement, subject = parse_statement(payload, predicate_type=predicate_type, what=what)
    if not any(entry.allows(signatory, predicate_type) for entry in trust.identities):
        raise UntrustedIdentity(
            f"{what}: the signature stands, but {trust.organization} has not listed this identity for it",
            remedy="If they should sign this, the organization must list them in a new trust document.",
        )
    return Signed(
        payload=payload,
        statement=statement,
        subject_sha256=subject,
        signatory=signatory,
        time=time,
        log=log,
        log_index=inner.verification_material.tlog_entries[0].log_index,
        root_fingerprint=fingerprint,
    )


def load_trust_config(text: str, *, what: str) -> ClientTrustConfig:
    """Parse a ClientTrustConfig with every certificate in it.

    Raises:
        InputError: a field is missing or wrong.
    """
    try:
        config = ClientTrustConfig.from_json(text)
        config.trusted_root.get_fulcio_certs()
        config.trusted_root.get_timestamp_authorities()
    except Exception as error:
        raise InputError(
            f"{what} cannot be read: {brief(error)}", remedy="Get it again from the organization it belongs to."
        ) from error
    return config


class _Anybody:
    """A sigstore policy that lets everybody pass.

    Identities are compared once the signature itself stands, so that the two failures can be told apart.
    """

    def verify(self, cert: Certificate) -> None:
        """Accept `cert`."""


def _check_authority(certificate: Certificate, root: TrustedRoot, what: str) -> None:
    # Without this the library says "not enough sources of verified time" for a bundle of another organization.
    if not any(_issued(authority, certificate) for authority in root.get_fulcio_certs()):
        raise UnknownRoot(
            f"{what}: that root has no certificate authority which issued the certificate",
            remedy="Do not use what it covers; ask the signer for a bundle under the root that is pinned.",
        )


def _issued(authority: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_log(bundle: bundle_v1.Bundle, root: TrustedRoot) -> str:
    """Return the base URL that names the entry's log, once log and checkpoint are what the proof says."""
    entry = bundle.verification_material.tlog_entries[0]
    proof = entry.inclusion_proof
    note, _, signature = proof.checkpoint.envelope.rpartition("\n\u2014 ") if proof.checkpoint else ("", "", "")
    if note.split("\n")[1:2] != [str(proof.tree_size)]:
        raise ValueError("the checkpoint is for another size of the log than the inclusion proof")
    for log in root._inner.tlogs:  # noqa: SLF001 - the library offers no other way to the name of a log
        if log.log_id.key_id == entry.log_id.key_id and f"/{signature.partition(' ')[0]}" in log.base_url:
            return log.base_url
    raise ValueError("that root does not list the transparency log of the entry")


def _check_timestamps(bundle: Bundle, verifier: Verifier) -> datetime:
    shown = bundle.verification_material.timestamp_verification_data
    verified = verifier._verify_timestamp_authority(bundle)  # noqa: SLF001 - its public caller skips bad ones silently
    if shown is None or len(verified) != len(shown.rfc3161_timestamps):
        raise ValueError("an RFC 3161 timestamp is not by a timestamp authority of that root")
    return min(result.time for result in verified)
