"""A Sigstore in one process, for the demo, tests, drills and sites that have no other.

One organization's sandbox is its OpenID Connect issuer, Fulcio, Rekor and RFC 3161 timestamp authority, over plain
HTTP on loopback. Unmodified Sigstore clients sign with it and verify what it signed. To a partner it is as good as
any private Sigstore, and as repudiable: one operator holds authority, log and clock.

Invariants
- Tokens are minted in this process only; no network endpoint does it.
- A log entry is durable before anybody is answered.
- Its names are stable (`https://oidc.<organization>`); only the loopback port changes.

Specifications: Fulcio v2 API, Rekor v1 API, RFC 3161, RFC 6962, Sigstore ClientTrustConfig v0.1.
"""

from engine.signing.sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
