"""Whether an agreement binds at a moment: both signed the same bytes, its time has come and has not passed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from engine.agreement.agreement import AGREEMENT_TYPE, Agreement
from engine.errors import LadingError, UntrustedIdentity
from engine.events import timestamp
from engine.findings import Finding, Severity
from engine.signing import OrganizationTrust, Signed

_NO_DOCUMENTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agreement stood at one moment.

    Attributes:
        agreement: the agreement.
        signed: the verified signature of each organization whose signature verifies.
        problems: what keeps it from binding; all of them errors.
    """

    agreement: Agreement
    signed: Mapping[str, Signed]
    problems: tuple[Finding, ...]

    @property
    def in_force(self) -> bool:
        """Whether it binds both: only without problems."""
        return not self.problems


def standing(
    agreement: Agreement,
    bundles: Mapping[str, bytes],
    trusts: Mapping[str, OrganizationTrust],
    now: datetime,
    *,
    documents: Mapping[str, str] = _NO_DOCUMENTS,
    successors: Sequence[Standing] = (),
) -> Standing:
    """Judge an agreement at `now`.

    It is in force when each party's bundle verifies under that party's own trust over the identical statement,
    `effective` ≤ `now` < `expires`, every trust document it pins is the confirmed one, and nothing in force
    between the same parties supersedes it.

    Args:
        agreement: what they agreed.
        bundles: Sigstore bundles, by organization.
        trusts: the trust of each organization, by organization.
        now: the moment, with a time zone.
        documents: digest of the confirmed trust document of each organization that the agreement pins.
        successors: the standings of `AgreementFolder.successors`.
    """
    signed: dict[str, Signed] = {}
    problems: list[Finding] = []
    for party in agreement.parties:
        outcome = _signature(agreement, party, bundles.get(party), trusts.get(party))
        if isinstance(outcome, Finding):
            problems.append(outcome)
        else:
            signed[party] = outcome
    problems += _pins(agreement, documents)
    problems += _window(agreement, now)
    problems += _superseded(agreement, successors)
    return Standing(agreement, MappingProxyType(signed), tuple(problems))


def _signature(
    agreement: Agreement, party: str, bundle: bytes | None, trust: OrganizationTrust | None
) -> Signed | Finding:
    if bundle is None:
        return _problem("agreement-unsigned", agreement, f"{party} has not signed it", f"Ask {party} to sign it.")
    if trust is None or trust.organization != party:
        return _problem(
            "agreement-signer-unknown", agreement, f"no trust is held for {party}", f"Add and confirm {party}."
        )
    try:
        signed = trust.verify(bundle, predicate_type=AGREEMENT_TYPE)
    except UntrustedIdentity as error:
        return _problem("agreement-signer-untrusted", agreement, f"{party}: {error}", error.remedy)
    except LadingError as error:
        return _problem("agreement-signature-invalid", agreement, f"{party}: {error}", error.remedy)
    if signed.payload != agreement.statement():
        return _problem(
            "agreement-other-text",
            agreement,
            f"{party} signed a statement about {signed.subject_sha256}, expected the exact statement about "
            f"{agreement.digest}",
            f"Ask {party} to sign the agreement as it stands.",
        )
    return signed


def _pins(agreement: Agreement, documents: Mapping[str, str]) -> Iterator[Finding]:
    for party, pinned in sorted(agreement.trust.items()):
        held = documents.get(party, "none")
        if held != pinned:
            yield _problem(
                "agreement-trust-moved",
                agreement,
                f"the confirmed trust document of {party} is {held}, expected {pinned}",
                f"Confirm the trust document of {party} that was agreed on, or agree anew.",
            )


def _window(agreement: Agreement, now: datetime) -> Iterator[Finding]:
    if now < agreement.effective:
        yield _problem(
            "agreement-not-yet",
            agreement,
            f"it binds from {timestamp(agreement.effective)}, now is {timestamp(now)}",
            "Wait until then, or agree on an earlier date.",
        )
    if now >= agreement.expires:
        yield _problem(
            "agreement-expired",
            agreement,
            f"it expired {timestamp(agreement.expires)}, now is {timestamp(now)}",
            "Propose one that supersedes it.",
        )


def _superseded(agreement: Agreement, successors: Sequence[Standing]) -> Iterator[Finding]:
    for later in successors:
        if later.in_force and later.agreement.parties == agreement.parties:
            yield _problem(
                "agreement-superseded",
                agreement,
                f"{later.agreement.id} ({later.agreement.digest}) took its place",
                "Use the newer one.",
            )


def _problem(code: str, agreement: Agreement, message: str, remedy: str) -> Finding:
    subject = f"agreement {agreement.id} ({agreement.digest[:12]})"
    return Finding(code, Severity.ERROR, subject, message, remedy)
