"""Signing and verifying with Sigstore: statements, bundles, and whose signatures count.

Everything two organizations promise each other is an in-toto statement in a Sigstore bundle. This room builds and
signs statements, verifies bundles offline under the root of the one organization they come from, and keeps the
signed trust documents in which organizations state their roots to each other.

- `statement`: in-toto Statement v1, the model signature (OMS 1.0) and the manifest reference
- `organization_trust`: one organization's root and identities; `OrganizationTrust.verify` proves a bundle
- `verified`: what was verified before, under the same trust
- `identity`: who signs, and `identities.toml`
- `trust_document`, `trust_folder`: the document partners exchange, and the folder it is kept in
- `witnesses`: third-party witnesses, pinned by hand
- `signer`: making bundles with any Sigstore
- `sandbox`: a Sigstore of one's own, in process

Invariants
- One organization, one root: roots are never merged, so no partner's authority can mint another's identity.
- A bundle needs certificate with SCT, signed entry timestamp, inclusion proof and timestamp: never fewer.
- Importing this package imports neither sigstore nor anything that needs it.

Specifications: Sigstore bundle v0.3 and client specification, DSSE v1, in-toto Statement v1, OpenSSF Model
Signing 1.0, RFC 3161, RFC 6962.
"""

from engine.signing.identity import AllowedIdentity, Signatory, dump_identities, load_identities
from engine.signing.organization_trust import OrganizationTrust, Signed
from engine.signing.statement import (
    MANIFEST_REFERENCE,
    MODEL_SIGNATURE,
    manifest_statement,
    model_statement,
    statement,
)

__all__ = [
    "MANIFEST_REFERENCE",
    "MODEL_SIGNATURE",
    "AllowedIdentity",
    "OrganizationTrust",
    "Signatory",
    "Signed",
    "dump_identities",
    "load_identities",
    "manifest_statement",
    "model_statement",
    "statement",
]
