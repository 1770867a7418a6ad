"""Explaining decisions: of requests in files, or of a workspace's record; and what would allow what was denied."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.digest import JSON
from engine.errors import InputError, UsageError
from engine.events import system_clock
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.explain import Account, Explained
from engine.policy.model import Entity, EntityUid, Request
from engine.policy.requests import load_entities, load_request
from engine.policy.what_if.change import assign
from engine.policy.what_if.search import WhatIf, what_would_allow
from engine.workspace.governing.decisions import recorded_decision

UNDISCLOSED: Final = "not accepted"
"""All that a partner learns of a decision that discloses nothing, whether it was a denial or there was nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what decides it."""

    engine: PolicyEngine
    request: Request
    entities: tuple[Entity, ...]
    now: datetime


def asked_by_files(policies: Path, entities: Path, request: Path) -> Asked:
    """Take a request from files, to be decided now."""
    engine = PolicyEngine(PolicyBundle.as_it_stands(policies))
    return Asked(engine, load_request(request), load_entities(entities), system_clock())


def asked_before(home: Path, decision: str, policies: Path) -> Asked:
    """Take up a recorded decision, to be decided by a folder of policies, at its own moment.

    Raises:
        InputError: there is no such decision, or not everything that decided it was kept.
    """
    kept = recorded_decision(home, decision)
    if kept.lacks is not None or kept.request is None:
        raise InputError(
            f"decision {kept.id} cannot be decided again: {kept.lacks}", remedy="Read its record in the audit log."
        )
    return Asked(PolicyEngine(PolicyBundle.as_it_stands(policies)), kept.request, kept.entities or (), kept.now)


def explain(asked: Asked) -> dict[str, JSON]:
    """Return the decision, how the policies that matter stand to it, and what would allow it."""
    explained = asked.engine.explain(asked.request, asked.entities, asked.now)
    return _explained(asked, explained, explained.accounts)


def explain_everything(asked: Asked) -> dict[str, JSON]:
    """Return the decision, how every policy of its action stands to it, and what would allow it."""
    explained = asked.engine.explain(asked.request, asked.entities, asked.now)
    return _explained(asked, explained, explained.everything())


def _explained(asked: Asked, explained: Explained, accounts: tuple[Account, ...]) -> dict[str, JSON]:
    ways = None if explained.decision.permitted else _ways(asked)
    return {
        **_decided(explained),
        "policies": [_account(each, explained) for each in accounts],
        "what_would_allow": ways.to_json() if ways else None,
    }


def explain_to_partner(asked: Asked) -> dict[str, JSON]:
    """Return what a partner may learn of a decision: of a denial, the reasons that are disclosed, and no more."""
    decision = asked.engine.decide(asked.request, asked.entities, asked.now)
    if decision.permitted:
        return {"decision": "permit", "because": []}
    because: list[JSON] = list(decision.disclosed) or [UNDISCLOSED]
    return {"decision": "deny", "because": because}


def what_if(asked: Asked, settings: Sequence[str]) -> dict[str, JSON]:
    """Return the decision as it is, as it would be with some values set, and what would allow it then.

    Args:
        asked: the request.
        settings: `PATH=VALUE` each; the value is JSON, or text if it is none.

    Raises:
        UsageError: a setting is malformed, or its path leads nowhere.
    """
    before = asked.engine.decide(asked.request, asked.entities, asked.now)
    request, world = asked.request, {entity.uid: entity for entity in asked.entities}
    for setting in settings:
        request, world = _set(setting, request, world)
    changed = Asked(asked.engine, request, tuple(world.values()), asked.now)
    explained = asked.engine.explain(changed.request, changed.entities, changed.now)
    ways = None if explained.decision.permitted else _ways(changed)
    return {
        "before": {"decision": before.decision.value, "because": list(before.because)},
        "set": list(settings),
        **_decided(explained),
        "what_would_allow": ways.to_json() if ways else None,
    }


def _set(setting: str, request: Request, world: Mapping[EntityUid, Entity]) -> tuple[Request, dict[EntityUid, Entity]]:
    path, separator, text = setting.partition("=")
    if not separator:
        raise UsageError(f"{setting!r} sets nothing", remedy="Write PATH=VALUE, such as context.purpose=research.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    try:
        changed, known = assign(path.strip(), value, request, world)
    except ValueError as error:
        raise UsageError(str(error), remedy="Name a value of the request, or of its principal or resource.") from None
    return changed, dict(known)


def _ways(asked: Asked) -> WhatIf:
    return what_would_allow(asked.engine, asked.request, asked.entities, asked.now)


def _decided(explained: Explained) -> dict[str, JSON]:
    decision = explained.decision
    return {
        "decision": decision.decision.value,
        "raw": decision.raw,
        "failsafe": decision.failsafe,
        "because": list(decision.because),
        "reasons": list(decision.reasons),
        "errors": list(decision.errors),
        "conditions": [condition.to_json() for condition in decision.conditions],
        "remedies": list(decision.remedies),
        "obligations": list(decision.obligations),
    }


def _account(account: Account, explained: Explained) -> dict[str, JSON]:
    return {**account.to_json(), "determining": account.policy.id in explained.decision.reasons}
