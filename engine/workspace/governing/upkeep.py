"""Keeping policies in shape, for the command line: lint, format, conformance, speed. Needs no workspace."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.findings import Severity
from engine.policy.bundle import lint_folder
from engine.policy.workbench.conformance import as_json, run_checkout
from engine.policy.workbench.formatting import formatted_folder
from engine.policy.workbench.timing import measure


def lint_policies(folder: Path) -> dict[str, Any]:
    """Return everything that is to be said about a folder's policies, and how much of it matters."""
    findings = lint_folder(folder)
    counts = {each.value: sum(finding.severity is each for finding in findings) for each in Severity}
    return {"findings": [finding.to_json() for finding in findings], **counts}


def format_policies(folder: Path) -> dict[str, Any]:
    """Write every policy file of a folder as the formatter does; none is written if one cannot be formatted."""
    files = formatted_folder(folder)
    for each in files:
        if each.changes:
            each.write()
    return {"files": len(files), "changed": [each.path.name for each in files if each.changes]}


def compare_format(folder: Path) -> dict[str, Any]:
    """Return which policy files the formatter would write differently, and how."""
    files = [each for each in formatted_folder(folder) if each.changes]
    return {"changed": [each.path.name for each in files], "diff": "".join(each.diff for each in files)}


def conform(checkout: Path, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run the cases of a checkout of Cedar's own tests or examples through raw decisions."""
    results = list(run_checkout(checkout, lambda done, total: progress({"done": done, "total": total})))
    failures = [as_json(failure) for each in results for failure in each.failures]
    requests = sum(each.requests for each in results)
    failed = sum(failure.of_request for each in results for failure in each.failures)
    return {
        "files": len(results),
        "requests": requests,
        "passed": requests - failed,
        "refused": sum(each.refused for each in results),
        "failures": failures,
    }


def bench(folder: Path, rounds: int, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Measure how fast a policy folder decides the cases of its own suites."""
    return measure(folder, rounds, lambda done, total: progress({"done": done, "total": total})).to_json()
