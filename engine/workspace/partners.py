"""Partners of a workspace: its own trust document for them, and theirs for it. Reading needs no owner."""

from pathlib import Path
from typing import Any

from engine.digest import JSON
from engine.events import timestamp
from engine.signing.trust_document import TrustDocument, fingerprint
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings


def own_document(home: Path) -> tuple[bytes, dict[str, JSON]]:
    """Return the organization's signed trust document, and what a person wants to know of it."""
    layout = Layout(home)
    load_settings(layout.settings)
    document = TrustFolder(layout.trust).own()
    return (layout.trust / "own" / "trust.json").read_bytes(), describe(document)


def list_partners(home: Path) -> dict[str, JSON]:
    """Return the partners, pinned and waiting to be confirmed."""
    layout = Layout(home)
    load_settings(layout.settings)
    trust = TrustFolder(layout.trust)
    pinned = [describe(trust.partner(organization)) | {"state": "pinned"} for organization in trust.partners()]
    waiting = [describe(document) | {"state": "to be confirmed"} for document in trust.pending()]
    return {"partners": [*pinned, *waiting]}


def describe(document: TrustDocument) -> dict[str, Any]:
    """Return what a person wants to know of a trust document."""
    return {
        "organization": document.organization,
        "name": document.name,
        "region": document.region,
        "version": document.version,
        "expires": timestamp(document.expires),
        "url": document.gateway_url,
        "identities": len(document.identities),
        "log_keys": list(document.log_keys),
        "witness_keys": list(document.witness_keys),
        "fingerprint": fingerprint(document),
    }
