"""Forks of partners' logs: a person settles one, and dealing with that partner goes on."""

from pathlib import Path
from typing import Final

from pydantic import Field

from engine.audit.remembered import Remembered
from engine.digest import JSON, canonical
from engine.errors import InputError, LogTampered
from engine.events import Event, event_id
from engine.files import write_atomic
from engine.gateway.checkpoints import read_fork
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params

COMPARE_LIMIT: Final = 64 << 20


class Resolve(Params):
    """`fork`: its id; `reason`: what the partner said, and why dealing may go on."""

    fork: str = Field(pattern=r"^[0-9a-f]{16}$")
    reason: str = Field(min_length=1, max_length=2000)


class Compare(Params):
    """`file`: what another organization remembers (its `state/remembered.jsonl`, or a part of it)."""

    file: Path


def compare(office: Office, call: Call, params: Compare) -> dict[str, JSON]:
    """Hold what another organization remembers of our partners' logs against what is remembered here.

    Raises:
        InputError: the file is too large, or holds no checkpoint of a partner's log: that nothing contradicts would
            say nothing then.
        LogTampered: the file is damaged.
    """
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    if params.file.stat().st_size > COMPARE_LIMIT:
        raise InputError(f"{params.file} has more than {COMPARE_LIMIT} bytes", remedy="Name its newest lines alone.")
    theirs, compared, forked = Remembered(params.file), 0, []
    for organization in office.trust.partners():
        for key in office.log_keys(organization):
            for note in theirs.all(key.name):
                compared += 1
                try:
                    office.checkpoints.remember(organization, note)
                except LogTampered:
                    forked.append(organization)
    if compared == 0:
        raise InputError(
            f"{params.file} holds no checkpoint of a partner's log: nothing was compared",
            remedy="Name the file state/remembered.jsonl of an organization that has partners in common with this one.",
        )
    return {"compared": compared, "forked": list[JSON](sorted(set(forked)))}


def resolve(office: Office, call: Call, params: Resolve) -> dict[str, JSON]:
    """Record that a fork was settled. Both checkpoints stay where they are."""
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    path = office.layout.forks / f"{params.fork}.json"
    if not path.exists():
        raise InputError(f"there is no fork {params.fork}", remedy="See 'lading audit fork list'.")
    _, shown = read_fork(path).checkpoints
    marker = path.with_suffix(".resolved")
    if not marker.exists():
        payload: dict[str, JSON] = {"fork": params.fork, "origin": shown.origin, "reason": params.reason}
        office.log.record(
            Event(id=event_id(params.fork, "witness.resolved"), type="witness.resolved", actor=who, payload=payload)
        )
        write_atomic(marker, canonical({"fork": params.fork}), mode=0o600)
    return {"fork": params.fork, "origin": shown.origin}
