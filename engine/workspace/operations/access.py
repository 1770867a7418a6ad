"""Who can do what in this organization, by the policies that decide now; nothing is decided or recorded as decided.

Whoever may govern can have it recorded that they went over the answers: an access review.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field

from engine.digest import JSON, canonical, sha256
from engine.errors import UsageError
from engine.events import Event, event_id, timestamp
from engine.manifest.artifact import Artifact
from engine.policy.engine import PolicyEngine
from engine.policy.facts import PARTNER_ZONE, TransferFacts, build_request
from engine.policy.model import Entity, EntityUid, Request
from engine.policy.workbench.access import access
from engine.transfer.facts import agreement_facts
from engine.workspace.governing.access import told
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.artifacts import facts
from engine.workspace.zones import OUTSIDE

TRANSFER = frozenset({"initiate", "send", "receive", "approve", "breakGlass"})
"""Actions that are about a handoff, and need one to be described."""


class Circumstances(Params):
    """Under which circumstances: for a handoff, to whom, under which agreement, what for, through which network.

    `reviewed`: what a review of the answers found, if that is to be recorded.
    """

    to: str | None = None
    agreement: str | None = None
    purpose: str | None = None
    zone: str | None = None
    reviewed: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class WhoCan(Circumstances):
    """Which action, on what: an artifact, or this organization's id."""

    action: str
    resource: str


class WhatCan(Circumstances):
    """Who: a name or identity from the directory."""

    principal: str


def who_can(office: Office, call: Call, params: WhoCan) -> dict[str, Any]:
    """Return for everybody in the directory whether they can do something, and why."""
    who = office.caller(call.token).identity
    _demand_zone(office, params.zone)
    engine = office.governance.active.engine()
    if params.action not in engine.bundle.slices:
        known = ", ".join(sorted(engine.bundle.slices))
        raise UsageError(f"the active policies know no action {params.action!r}", remedy=f"They know {known}.")
    artifact = None if params.resource == office.organization else office.registry.get(params.resource)
    if params.action in TRANSFER and (missing := _missing(params)):
        raise UsageError(
            f"{params.action} is about a handoff, and nobody said which",
            remedy=f"Add {', '.join(f'--{name}' for name in missing)}.",
        )
    principals = [member.uid for member in office.directory.members]
    asked = _asked(office, params, principals, [params.action], [artifact])
    return _answered(office, who, params, engine, asked)


def what_can(office: Office, call: Call, params: WhatCan) -> dict[str, Any]:
    """Return for every action, and every artifact here, whether somebody can do it, and why.

    `unasked` names the actions that are about a handoff, where none was described.
    """
    who = office.caller(call.token).identity
    _demand_zone(office, params.zone)
    engine = office.governance.active.engine()
    members = [each for each in office.directory.members if params.principal in {each.name, each.identity}]
    if not members:
        raise UsageError(
            f"nobody in the directory is called {params.principal!r}", remedy="Name them as directory.yaml does."
        )
    about = [None, *office.registry.list()]
    unasked = sorted(TRANSFER & set(engine.bundle.slices)) if _missing(params) else []
    actions = [each for each in engine.bundle.slices if each not in unasked]
    asked = _asked(office, params, [members[0].uid], actions, about)
    return _answered(office, who, params, engine, asked) | {"unasked": unasked}


def _answered(
    office: Office,
    who: str,
    params: Circumstances,
    engine: PolicyEngine,
    asked: Iterator[tuple[Request, Iterable[Entity]]],
) -> dict[str, Any]:
    """Return the answers; if somebody says that they reviewed them, and may govern, with the entry that says so."""
    answers = told(access(engine, asked, office.clock()))
    if params.reviewed is None:
        return answers
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    digest, now = sha256(canonical(answers["answers"])), timestamp(office.clock())
    counted = Counter(each["decision"] for each in answers["answers"])
    payload: dict[str, JSON] = {
        "asked": params.model_dump(exclude={"reviewed"}, exclude_none=True),
        "answers": digest,
        "permitted": counted["permit"],
        "denied": counted["deny"],
        "finding": params.reviewed,
    }
    id_, policy = event_id(digest, f"access.reviewed:{who}:{now}"), engine.bundle.digest
    entry = office.log.record(Event(id=id_, type="access.reviewed", actor=who, policy=policy, payload=payload))
    office.remember_own()
    return answers | {"entry": entry.index}


def _missing(params: Circumstances) -> list[str]:
    """Return what a handoff is described by and was not given."""
    return [name for name in ("to", "agreement", "purpose") if not getattr(params, name)]


def _demand_zone(office: Office, zone: str | None) -> None:
    known = sorted({PARTNER_ZONE, OUTSIDE, *office.settings.zones.root})
    if zone is not None and zone not in known:
        raise UsageError(
            f"{office.layout.settings} names no zone {zone!r} under [zones]", remedy=f"Name one of {', '.join(known)}."
        )


def _asked(
    office: Office,
    params: Circumstances,
    principals: Iterable[EntityUid],
    actions: list[str],
    resources: list[Artifact | None],
) -> Iterator[tuple[Request, Iterable[Entity]]]:
    directory = office.directory
    known = {artifact.root: facts(office, artifact) for artifact in resources if artifact is not None}
    for principal in principals:
        for action in actions:
            for artifact in resources:
                if artifact is None:
                    yield build_request(action, principal, directory)
                elif action not in TRANSFER:
                    yield build_request(action, principal, directory, purpose=params.purpose, **known[artifact.root])
                else:
                    yield _handoff(office, params, principal, action, known[artifact.root])


def _handoff(
    office: Office, params: Circumstances, principal: EntityUid, action: str, about: dict[str, Any]
) -> tuple[Request, Iterable[Entity]]:
    """Describe a handoff in which everything is in order, so that only who asks can fail."""
    to = params.to or ""
    transfer = TransferFacts(
        purpose=params.purpose or "",
        destination_org=to,
        destination_region=office.trust.document(to).region,
        initiator="",
        mtls=True,
        zone=params.zone or PARTNER_ZONE,
        preflight_passed=True,
    )
    under = agreement_facts(office.agreement(params.agreement or "")[1])
    return build_request(
        action,
        principal,
        office.directory,
        about["artifact"],
        under,
        transfer,
        received_under=about["agreement"],
    )
