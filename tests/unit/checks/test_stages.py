"""Preflight and arrival: which checks run, and what a report says of them."""

from typing import Any

from engine.checks import Space, arrival, arrived_files, offered_files, preflight, source_files
from engine.checks.stages import SHOWN
from engine.findings import Finding, Severity

AMPLE = Space(free=lambda: 10**9, size=1_000, reserve=0)


def test_a_handoff_that_is_in_order_passes_every_stage(model: Any, evidence: Any, covering: Any, use: Any) -> None:
    facts = {"evidence": evidence, "standing": covering(), "use": use}
    sender = preflight(files=source_files(model.folder, model.manifest), space=AMPLE, **facts)
    offer = offered_files(model.manifest.canonical(), model.chunks)
    receiver = preflight(files=offer, space=AMPLE, **facts)
    landed = arrival(files=arrived_files(model.manifest, lambda entry: model.read(entry.path)), **facts)
    assert [report.passed for report in (sender, receiver, landed)] == [True] * 3
    assert sender.checks == receiver.checks == ("files", "signatures", "agreement", "space")
    assert (landed.stage, landed.checks) == ("arrival", ("files", "signatures", "agreement"))


def test_one_run_says_everything_that_is_wrong_in_the_order_of_the_checks(
    model: Any, evidence: Any, covering: Any, use: Any
) -> None:
    report = preflight(
        files=offered_files(b"", model.chunks),
        evidence=evidence,
        standing=covering(terms={"destinations": ("US",)}),
        use=use,
        space=Space(free=int, size=1, reserve=0),
    )
    assert not report.passed
    assert [finding.code for finding in report.findings] == [
        "manifest-unreadable",
        "destination-not-covered",
        "space-short",
    ]


def finding(severity: Severity) -> Finding:
    return Finding("extra", severity, "file", "found one, expected none", "Remove it.")


def test_a_flood_of_findings_is_cut_but_never_hides_an_error(evidence: Any, covering: Any, use: Any) -> None:
    flood = [finding(Severity.INFO)] * SHOWN + [finding(Severity.ERROR)] + [finding(Severity.WARNING)] * 500
    report = arrival(files=flood, evidence=evidence, standing=covering(), use=use)
    assert len(report.findings) == SHOWN + 1
    assert not report.passed
    assert report.failed_codes == ("more-findings",)
    assert "501 more" in report.findings[-1].message


def test_a_flood_of_mere_warnings_does_not_fail(evidence: Any, covering: Any, use: Any) -> None:
    flood = [finding(Severity.INFO)] * SHOWN + [finding(Severity.WARNING)] * 2
    report = arrival(files=flood, evidence=evidence, standing=covering(), use=use)
    assert report.passed
    assert report.findings[-1].severity is Severity.WARNING
