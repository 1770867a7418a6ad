"""Repairing what is derived from the log: found out, decided and recorded, then done.

A log whose tiles are damaged takes no entry. What it would say is then kept beside it, durably, and recorded as soon as
the log can be appended to, before anything else is.
"""

from collections.abc import Mapping

from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.errors import LogTampered
from engine.events import Event, event_id
from engine.workspace.denials import describe_denial
from engine.workspace.governing.unrecorded import ask_to_govern
from engine.workspace.keeping.erasing import settle
from engine.workspace.log.derived import rebuild
from engine.workspace.log.unrecorded import keep_unrecorded, record_kept
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params


class Repair(Params):
    """Whether only to tell."""

    dry_run: bool = False


def repair_log(office: Office, call: Call, params: Repair) -> dict[str, JSON]:
    """Rebuild what is derived wrongly from the log, if all else holds together, and finish erasures cut short.

    Doing it again changes nothing. Policy is asked before anything is changed; what is only told, `fsck` tells anybody.
    """
    who = office.caller(call.token).identity
    found = rebuild(office, call.progress, dry_run=True)
    if params.dry_run:
        return {"repaired": False, **found}
    if any(found.values()):
        denied = _decided(office, who, found)
        if denied is not None:
            return denied
        rebuild(office, call.progress, dry_run=False)
        record_kept(office.layout, office.log)
        office.remember_own()
    settle(office)
    return {"repaired": True, **found}


def _decided(office: Office, who: str, found: Mapping[str, JSON]) -> dict[str, JSON] | None:
    """Ask policy, and make durable what it says and what is to be rebuilt; return what a denial says.

    Of a denial nothing is kept where the log can take no entry: nothing comes of it.
    """
    repaired = Event(id=event_id(fresh_nonce(), "log.repaired"), type="log.repaired", actor=who, payload=found)
    try:
        denied = office.denial(office.governance.action, who)
        if denied is None:
            office.log.record(repaired)
    except LogTampered:
        decision, events = ask_to_govern(office.layout.home, who, office.clock)
        if not decision.permitted:
            return describe_denial(decision)
        keep_unrecorded(office.layout, [*events, repaired])
        return None
    return denied
