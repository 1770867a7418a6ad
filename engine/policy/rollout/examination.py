"""Examining a candidate: does it load, does it pass its suites, and which of the active suites' cases change.

The outcome is a state and a report (JSON values), which the approver reads and the screens show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.digest import JSON
from engine.errors import InputError, PolicyError
from engine.policy.bundle import BrokenPolicies, PolicyBundle
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.workbench.suite import SuiteReport, load_suites, run_suites

SHOWN: Final = 100
"""How many of each kind of thing a report keeps."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What examining a snapshot came to.

    Attributes:
        state: `broken`, `failing` or `ready`.
        summary: the first thing that is wrong, in one line; empty if nothing is.
        report: `problems`, `suites`, `active_suites`.
        bundle: the bundle, if it loads.
    """

    state: str
    summary: str
    report: Mapping[str, JSON]
    bundle: PolicyBundle | None = field(default=None, repr=False)


def examine(snapshot: Snapshot, active: Snapshot | None) -> Examined:
    """Examine a snapshot.

    Args:
        snapshot: what may come to decide.
        active: what decides now; its suites are run on the candidate, too, so that a suite that was weakened
            together with its policy is seen.
    """
    with snapshot.unfolded() as folder:
        try:
            bundle = PolicyBundle.load(folder)
        except PolicyError as error:
            problems = list(_problems(error))
            return Examined("broken", _first(problems), {"problems": problems[:SHOWN]})
        warnings: list[JSON] = [finding.to_json() for finding in bundle.warnings[:SHOWN]]
        try:
            suites = _tested(bundle, folder)
        except InputError as error:
            problem: list[JSON] = [{"severity": "error", "message": str(error), "remedy": error.remedy}]
            return Examined("failing", str(error), {"problems": [*problem, *warnings]}, bundle)
    report: dict[str, JSON] = {"problems": warnings, "suites": suites}
    if active is not None:
        report["active_suites"] = _judged_by(active, bundle)
    failures = suites["failures"]
    state = "failing" if failures else "ready"
    return Examined(state, str(failures[0]) if failures else "", report, bundle)  # type: ignore[index]


def _tested(bundle: PolicyBundle, folder: Path) -> dict[str, JSON]:
    suites = load_suites(folder / "tests")
    if not suites:
        raise InputError(
            "there is no suite in tests/, expected at least one",
            remedy="Write one: a change that nothing tests does not come to decide.",
        )
    return _summary(run_suites(bundle, suites))


def _judged_by(active: Snapshot, bundle: PolicyBundle) -> dict[str, JSON]:
    """Return how the cases of the active bundle come out on the candidate; differences are shown, not refused."""
    with active.unfolded() as folder:
        try:
            report = run_suites(bundle, load_suites(folder / "tests"))
        except InputError as error:
            return {"passed": 0, "failed": 0, "failures": [str(error)]}
    turned: list[JSON] = [outcome.message for outcome in report.outcomes if not outcome.passed]
    return {**_summary(report), "failures": turned[:SHOWN]}


def _summary(report: SuiteReport) -> dict[str, JSON]:
    passed = sum(outcome.passed for outcome in report.outcomes)
    return {
        "passed": passed,
        "failed": len(report.outcomes) - passed,
        "failures": list(report.failures[:SHOWN]),
        "policies": report.coverage,
    }


def _problems(error: PolicyError) -> Iterator[JSON]:
    if isinstance(error, BrokenPolicies):
        for finding in error.findings:
            yield {**finding.to_json(), "message": f"{finding.subject}: {finding.message} ({finding.code})"}
        return
    lines = str(error).splitlines()
    for line in lines[1:] or lines:
        yield {"severity": "error", "message": line, "remedy": error.remedy}


def _first(problems: list[JSON]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]['message']}{more}"  # type: ignore[index,call-overload]
