"""Repairing what is derived from the log.

Policy is not asked: a repair adds nothing and takes nothing away, as all it writes follows from the signed leaves; and
a log whose tiles are damaged can record no decision. Who asked is recorded as soon as the log can be appended to.
"""

from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.events import Event, event_id
from engine.workspace.log.derived import rebuild
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params


class Repair(Params):
    """Whether only to tell."""

    dry_run: bool = False


def repair_log(office: Office, call: Call, params: Repair) -> dict[str, JSON]:
    """Rebuild what is derived wrongly from the log, if all else holds together. Doing it again changes nothing."""
    who = office.caller(call.token).identity
    rebuilt = rebuild(office, call.progress, dry_run=params.dry_run)
    if any(rebuilt.values()) and not params.dry_run:
        event = event_id(fresh_nonce(), "log.repaired")
        office.log.record(Event(id=event, type="log.repaired", actor=who, payload=rebuilt))
        office.remember_own()
    return {"repaired": not params.dry_run, **rebuilt}
