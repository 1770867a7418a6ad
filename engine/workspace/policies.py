"""Policy folders for the command line: check them, run their suites, ask them a question. Needs no workspace."""

from pathlib import Path

from engine.digest import JSON
from engine.errors import InputError
from engine.events import system_clock
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.requests import load_entities, load_request
from engine.policy.workbench.suite import load_suites, run_suites


def check_policies(folder: Path) -> dict[str, JSON]:
    """Load and validate a policy folder."""
    bundle = PolicyBundle.load(folder)
    warnings = [finding.to_json() for finding in bundle.warnings]
    return {"policies": len(bundle.policies), "bundle": bundle.digest, "warnings": warnings}


def test_policies(folder: Path) -> dict[str, JSON]:
    """Run every suite in a folder's `tests/`."""
    suites = load_suites(folder / "tests")
    if not suites:
        raise InputError(f"{folder / 'tests'} has no suite", remedy="Write one; samples/suite.yaml explains how.")
    report = run_suites(PolicyBundle.load(folder), suites)
    passed = sum(outcome.passed for outcome in report.outcomes)
    return {
        "ok": report.passed,
        "passed": passed,
        "failed": len(report.outcomes) - passed,
        "policies": report.coverage,
        "failures": list(report.failures),
    }


def decide_files(policies: Path, entities: Path, request: Path) -> dict[str, JSON]:
    """Decide a request from files, now."""
    engine = PolicyEngine(PolicyBundle.load(policies))
    decision = engine.decide(load_request(request), load_entities(entities), system_clock())
    reasons: list[JSON] = [
        {"policy": each.policy, "condition": each.sentence, "remedy": each.remedy} for each in decision.conditions
    ]
    return {
        "decision": decision.decision.value,
        "raw": decision.raw,
        "failsafe": decision.failsafe,
        "because": list(decision.because),
        "errors": list(decision.errors),
        "reasons": reasons,
    }
