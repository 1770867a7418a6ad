"""Does the agreement bind, and does it cover what is about to happen?"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.agreement import SENSITIVITIES, Agreement, Benchmark, Standing
from engine.findings import Finding, Severity
from engine.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Use:
    """What is about to happen with an artifact.

    Attributes:
        sender: the organization that hands it over.
        receiver: the organization that takes it.
        purpose: what the receiver wants it for, as an agreement names purposes.
        region: where the receiver takes it, such as `EU`.
    """

    sender: str
    receiver: str
    purpose: str
    region: str


def check_agreement(standing: Standing, use: Use, manifest: Manifest) -> Iterator[Finding]:
    """Find out whether the agreement is in force and covers this use of this artifact."""
    agreement = standing.agreement
    yield from standing.problems
    yield from _parties(agreement, use)
    yield from _purpose_and_place(agreement, use)
    yield from _sensitivity(agreement, manifest)
    yield from _formats(agreement, manifest)
    for benchmark in agreement.benchmarks:
        yield from _benchmark(benchmark, manifest)


def _parties(agreement: Agreement, use: Use) -> Iterator[Finding]:
    if (use.sender, use.receiver) != agreement.parties:
        yield _error(
            "agreement-other-parties",
            agreement.id,
            f"found {use.sender} handing to {use.receiver}, expected {' handing to '.join(agreement.parties)}",
            "Use an agreement between these two, in this direction.",
        )


def _purpose_and_place(agreement: Agreement, use: Use) -> Iterator[Finding]:
    terms = agreement.terms
    if use.purpose not in terms.purposes:
        yield _error(
            "purpose-not-covered",
            "purpose",
            f"found the purpose {use.purpose!a:.80}, expected one of: {', '.join(terms.purposes)}",
            "Name a purpose that was agreed, or agree on this one.",
        )
    if use.region not in terms.destinations:
        yield _error(
            "destination-not-covered",
            "destination",
            f"found the destination {use.region!a:.80}, expected one of: {', '.join(terms.destinations)}",
            "Receive it in a region that was agreed, or agree on this one.",
        )


def _sensitivity(agreement: Agreement, manifest: Manifest) -> Iterator[Finding]:
    covered = SENSITIVITIES[: agreement.terms.sensitivity_ceiling + 1]
    if manifest.sensitivity not in covered:
        yield _error(
            "sensitivity-above-ceiling",
            "sensitivity",
            f"found the sensitivity {manifest.sensitivity}, expected at most {covered[-1]}",
            "Agree on a higher ceiling; never declare an artifact less sensitive than it is.",
        )


def _formats(agreement: Agreement, manifest: Manifest) -> Iterator[Finding]:
    for file in manifest.files:
        if file.format not in agreement.accepted_formats:
            yield _error(
                "format-not-accepted",
                file.path,
                f"found the format {file.format!a}, expected one of: {', '.join(agreement.accepted_formats)}",
                "Leave the file out, convert it, or agree on its format.",
            )


def _benchmark(benchmark: Benchmark, manifest: Manifest) -> Iterator[Finding]:
    subject = f"{benchmark.metric} on {benchmark.dataset}"
    claims = [
        each.value for each in manifest.metrics if (each.name, each.dataset) == (benchmark.metric, benchmark.dataset)
    ]
    if not claims:
        yield Finding(
            "benchmark-not-claimed",
            Severity.WARNING,
            subject,
            f"the manifest claims no such metric, expected {benchmark.bound}",
            "Measure it, and state the result in the manifest.",
        )
    for value in claims:
        if not benchmark.met_by(value):
            yield _error(
                "benchmark-missed",
                subject,
                f"the manifest claims {value:g}, expected {benchmark.bound}",
                "Hand over a version that meets the agreement, or agree on another threshold.",
            )


def _error(code: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(code, Severity.ERROR, subject, message, remedy)
