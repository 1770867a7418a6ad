"""What decided in a workspace, and what waits to; read from the policy database with no need of its owner."""

from datetime import UTC, datetime
from pathlib import Path

from engine.database import open_read_only
from engine.digest import JSON
from engine.events import system_clock, timestamp
from engine.policy.recorded import RecordedDecision
from engine.policy.rollout.store import Activation, Candidate, PolicyStore
from engine.workspace.governing.decisions import recorded_decisions
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings


def history(home: Path) -> dict[str, JSON]:
    """Return every activation, newest first, every candidate, and what decides in shadow."""
    layout = Layout(home)
    load_settings(layout.settings)
    if not layout.policy_database.exists():
        return {"active": None, "activations": [], "candidates": [], "shadows": []}
    engine = open_read_only(layout.policy_database)
    try:
        store = PolicyStore(engine, system_clock)
        return {
            "active": store.active(),
            "activations": [_activation(each) for each in store.activations() if each.logged],
            "candidates": [_candidate(each) for each in store.candidates() if each.state != "active"],
            "shadows": list(store.shadows()),
        }
    finally:
        engine.dispose()


def shadow_differences(home: Path) -> dict[str, JSON]:
    """Return where candidates in shadow answered otherwise than what was decided, newest first."""
    decided = {_asked(each): each for each in recorded_decisions(home)}
    said = list(recorded_decisions(home, shadow=True))
    differences: list[JSON] = [
        {
            "bundle": each.record["policy"],
            "time": each.record["time"],
            "principal": str(each.request.principal) if each.request else None,
            "action": each.request.action if each.request else None,
            "resource": str(each.request.resource) if each.request else None,
            "decision": binding.id,
            "decided": binding.record["decision"],
            "because": list(binding.because),
            "shadow": each.record["decision"],
            "shadow_because": list(each.because),
        }
        for each in said
        if (binding := decided.get(_asked(each))) is not None
        and (binding.permitted, binding.because) != (each.permitted, each.because)
    ]
    return {"decisions": len(said), "differences": differences}


def _asked(decision: RecordedDecision) -> tuple[str, str, str | None]:
    """Return what a decision and its shadow have in common."""
    return decision.record["time"], repr(decision.record["request"]), decision.record["entities"]


def _activation(each: Activation) -> dict[str, JSON]:
    return {
        "number": each.number,
        "digest": each.digest,
        "previous": each.previous,
        "kind": each.kind,
        "author": each.author,
        "approver": each.approver,
        "reason": each.reason,
        "effect": each.effect,
        "at": _moment(each.at),
    }


def _candidate(each: Candidate) -> dict[str, JSON]:
    return {
        "digest": each.digest,
        "base": each.base,
        "state": "approved" if each.approval is not None and each.state == "proposed" else each.state,
        "author": each.author,
        "reason": each.reason,
        "summary": each.report.get("summary", ""),
        "report": each.report,
        "seen": _moment(each.seen),
        "updated": _moment(each.updated),
    }


def _moment(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
