"""Issuing this organization's own trust document: what partners pin, made from its keys and its directory.

Who may sign what follows from roles: senders sign offers and models, administrators agreements, approvers
approvals, the gateway what it promises. A change of people or keys is a new version, which partners confirm.
"""

import json
from datetime import datetime, timedelta
from typing import Final

from engine.agreement import AGREEMENT_TYPE
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.custody.bill import BILL_TYPE
from engine.custody.statements import (
    Acceptance,
    Approval,
    ApprovalV1,
    BreakGlass,
    CustodyLink,
    DeliveryReceipt,
    Offer,
    Verdict,
)
from engine.policy.directory import Directory, load_directory
from engine.policy.rollout.approval import POLICY_APPROVAL
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, AllowedIdentity
from engine.signing.sandbox import Sandbox
from engine.signing.trust_document import TrustDocument, root_keys, sign_trust
from engine.signing.trust_folder import TrustFolder
from engine.wire.authority import GatewayCA
from engine.workspace.keys import read_secret, signing_key
from engine.workspace.layout import Layout
from engine.workspace.settings import Settings

LIFE: Final = timedelta(days=365)
ROOTS: Final = ("root-1", "root-2")
THRESHOLD: Final = 2
MOST_LOGS: Final = 16
"""How many of the organization's logs a trust document lists, the newest first."""

ATTESTATIONS: Final = (
    "https://in-toto.io/attestation/scai/v0.3",
    "https://in-toto.io/attestation/svr/v0.2",
    "https://in-toto.io/attestation/test-result/v0.1",
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/verification_summary/v1",
)
"""What may be attested of an artifact besides the statements of a handoff."""

SIGNS: Final = {
    "sender": (MODEL_SIGNATURE, MANIFEST_REFERENCE, Offer.predicate_type(), BILL_TYPE, *ATTESTATIONS),
    "administrator": (AGREEMENT_TYPE, BILL_TYPE, POLICY_APPROVAL),
    "approver": (Approval.predicate_type(), ApprovalV1.predicate_type()),
    "auditor": (BILL_TYPE, *ATTESTATIONS),
    "security": (POLICY_APPROVAL, BreakGlass.predicate_type()),
}
"""The predicate types each role may sign for the organization; of former ones, so that what was signed verifies."""

GATEWAY_SIGNS: Final = (
    Acceptance.predicate_type(),
    DeliveryReceipt.predicate_type(),
    Verdict.predicate_type(),
    CustodyLink.predicate_type(),
)


def issue_document(
    layout: Layout, settings: Settings, now: datetime, *, begins: NoteKey | None = None
) -> tuple[TrustDocument, bool]:
    """Make the next version of the trust document if anything in it changed; return it and whether it did.

    Args:
        layout: the workspace.
        settings: its settings.
        now: the time.
        begins: the key of a log that begins; it is listed before the former ones, whose keys stay as they are.

    Raises:
        WorkspaceError: a root key is missing or readable by others.
        InputError: the directory cannot be read.
    """
    trust = TrustFolder(layout.trust)
    previous = trust.own() if (layout.trust / "own" / "trust.json").exists() else None
    log = NoteSigner(f"{settings.organization.id}/lading/audit/0", signing_key(layout.keys, "log")).key
    listed = previous.log_keys if previous else (log.vkey,)
    logs = tuple(dict.fromkeys([begins.vkey, *listed] if begins else listed))[:MOST_LOGS]
    drafted = _draft(layout, settings, now, previous.version + 1 if previous else 1, logs)
    if previous is not None and _same(previous, drafted):
        return previous, False
    keys = [signing_key(layout.keys, name) for name in ROOTS]
    return trust.set_own(sign_trust(drafted, keys), now=now), True


def _draft(layout: Layout, settings: Settings, now: datetime, version: int, logs: tuple[str, ...]) -> TrustDocument:
    organization, clock = settings.organization, lambda: now
    sandbox = Sandbox(layout.keys / "sandbox", layout.sandbox, organization.id, clock)
    witness = NoteSigner(
        f"{organization.id}/lading/witness", signing_key(layout.keys, "witness"), Algorithm.COSIGNATURE
    )
    gateway_ca = GatewayCA(read_secret(layout.keys / "gateway-ca.pem"), clock)
    directory = load_directory(layout.directory, organization.id)
    issued = now.replace(microsecond=0)
    return TrustDocument(
        organization=organization.id,
        name=organization.name,
        region=organization.region,
        version=version,
        issued=issued,
        expires=issued + LIFE,
        gateway_url=settings.gateway.url,
        issuer=settings.issuer,
        trust_config=json.loads(sandbox.trust_config()),
        identities=_identities(directory, settings),
        gateway_ca=(gateway_ca.certificate,),
        log_keys=logs,
        witness_keys=(witness.key.vkey,),
        roots=root_keys([signing_key(layout.keys, name).public_key() for name in ROOTS]),
        threshold=THRESHOLD,
    )


def _identities(directory: Directory, settings: Settings) -> tuple[AllowedIdentity, ...]:
    """Return who may sign what, sorted by identity."""
    listed = {settings.service_identity: set(GATEWAY_SIGNS)}
    for member in directory.members:
        roles = {entity.uid.id for entity in directory.entities_of(member.uid) if entity.uid.type == "Role"}
        types = {each for role in roles for each in SIGNS.get(role, ())}
        if types and member.organization in (None, settings.organization.id):
            listed.setdefault(member.identity, set()).update(types)
    return tuple(
        AllowedIdentity(identity, settings.issuer, tuple(sorted(types))) for identity, types in sorted(listed.items())
    )


def _same(one: TrustDocument, other: TrustDocument) -> bool:
    """Say whether two documents differ in version and dates only, and the first is not about to expire."""
    moving = {"version", "issued", "expires"}
    fresh = other.issued < one.expires - LIFE / 4
    return fresh and one.model_dump(exclude=moving) == other.model_dump(exclude=moving)
