"""The two runs of checks: preflight, before a byte moves, and arrival, when every byte is there."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from engine.agreement import Standing
from engine.checks.agreement import Use, check_agreement
from engine.checks.signatures import Evidence, check_signatures
from engine.checks.space import Space, check_space
from engine.findings import Finding, Report, Severity

SHOWN: Final = 100
"""How many findings of one check a report lists; a manifest has up to 200,000 files to get wrong."""


def preflight(*, files: Iterable[Finding], evidence: Evidence, standing: Standing, use: Use, space: Space) -> Report:
    """Check an artifact before it is sent, or before an offer of it is accepted.

    Args:
        files: `source_files` where the folder is, `offered_files` where only the offer is.
        evidence: the manifest, its signatures and the trust of its origin.
        standing: how the agreement stands at the moment of the check.
        use: who hands what to whom, and what for.
        space: what is free, and what is needed.
    """
    return _report(
        "preflight",
        {
            "files": files,
            "signatures": check_signatures(evidence),
            "agreement": check_agreement(standing, use, evidence.manifest),
            "space": check_space(space),
        },
    )


def arrival(*, files: Iterable[Finding], evidence: Evidence, standing: Standing, use: Use) -> Report:
    """Check an artifact that has arrived, before anybody may use it.

    Args:
        files: `arrived_files`, from the stored chunks.
        evidence: the manifest, its signatures and the trust of its origin, as they are now.
        standing: how the agreement stands now.
        use: as in preflight.
    """
    return _report(
        "arrival",
        {
            "files": files,
            "signatures": check_signatures(evidence),
            "agreement": check_agreement(standing, use, evidence.manifest),
        },
    )


def _report(stage: str, checks: Mapping[str, Iterable[Finding]]) -> Report:
    found = tuple(finding for name, findings in checks.items() for finding in _shortened(name, findings))
    return Report(stage, tuple(checks), found)


def _shortened(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """List the first findings; count the rest, at the gravest severity among them."""
    remaining = iter(findings)
    yield from islice(remaining, SHOWN)
    rest = [finding.severity for finding in remaining]
    if rest:
        gravest = max(rest, key=list(Severity).index)
        yield Finding(
            "more-findings",
            gravest,
            check,
            f"{len(rest)} more findings of this check are not listed, expected none",
            "Mend the ones that are listed, then check again.",
        )
