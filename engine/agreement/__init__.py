"""Agreements: what two organizations promised each other, in terms that a machine can hold them to.

Invariants:

- An agreement has one canonical form (RFC 8785). Its SHA-256 is what offers, decisions and audit events cite.
- Both organizations sign the identical in-toto Statement v1, each in a Sigstore bundle of its own, and each is
  verified under that organization's own trust. One signature binds nobody.
- An agreement that cannot be verified is not in force. `standing` says why, as findings.

The file format is specified in `docs/formats/agreement.md`.

    agreement = load_agreement(Path("agreement.yaml"))
    digest = AgreementFolder(Path("agreements")).put(agreement)
    ...
    standing(agreement, folder.bundles(digest), trusts, clock()).in_force
"""

from engine.agreement.agreement import AGREEMENT_TYPE, Agreement
from engine.agreement.binding import Standing, standing
from engine.agreement.folder import AgreementFolder
from engine.agreement.reading import load_agreement, parse_agreement
from engine.agreement.terms import SENSITIVITIES, Benchmark, Terms

__all__ = [
    "AGREEMENT_TYPE",
    "SENSITIVITIES",
    "Agreement",
    "AgreementFolder",
    "Benchmark",
    "Standing",
    "Terms",
    "load_agreement",
    "parse_agreement",
    "standing",
]
