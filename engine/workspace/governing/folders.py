"""Policy folders for the command line: check them, ask them a question. Needs no workspace."""

from datetime import datetime
from pathlib import Path
from typing import Any

from engine.digest import JSON
from engine.events import system_clock
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import Entity, Request
from engine.policy.raw import raw_answer
from engine.policy.requests import load_entities, load_request


def check_policies(folder: Path) -> dict[str, Any]:
    """Load and validate a policy folder."""
    bundle = PolicyBundle.load(folder)
    warnings = [finding.to_json() for finding in bundle.warnings]
    return {"policies": len(bundle.policies), "bundle": bundle.digest, "warnings": warnings}


def decide_files(policies: Path, entities: Path, request: Path) -> dict[str, Any]:
    """Decide a request from files, now, by policies as they stand."""
    bundle, asked, known, now = _question(policies, entities, request)
    decision = PolicyEngine(bundle).decide(asked, known, now)
    # A guard that spoke before Cedar was asked leaves no raw answer; whoever tries policies out wants to see it.
    raw = decision.raw or raw_answer(bundle, asked, known, now).answer
    conditions: list[JSON] = [
        {"policy": each.policy, "condition": each.sentence, "remedy": each.remedy} for each in decision.conditions
    ]
    return {
        "decision": decision.decision.value,
        "raw": raw,
        "failsafe": decision.failsafe,
        "because": list(decision.because),
        "reasons": list(decision.reasons),
        "errors": list(decision.errors),
        "conditions": conditions,
        "remedies": list(decision.remedies),
        "obligations": list(decision.obligations),
        "warnings": [finding.to_json() for finding in bundle.warnings],
    }


def raw_files(policies: Path, entities: Path, request: Path) -> dict[str, JSON]:
    """Ask Cedar alone about a request from files; no guard speaks."""
    bundle, asked, known, now = _question(policies, entities, request)
    raw = raw_answer(bundle, asked, known, now)
    return {"raw": raw.answer, "reasons": list(raw.reasons), "errors": list(raw.errors)}


def _question(
    policies: Path, entities: Path, request: Path
) -> tuple[PolicyBundle, Request, tuple[Entity, ...], datetime]:
    return (
        PolicyBundle.as_it_stands(policies),
        load_request(request),
        load_entities(entities),
        system_clock(),
    )
