"""How long the record is kept: erase payloads, place and lift holds, apply the retention of the settings.

All of it is under the action that governs policies, and nothing is removed from a log that does not verify.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from engine.audit.entry import Entry
from engine.audit.holds import NAME, Hold, holds_of, lifted, placed
from engine.audit.reader import LogReader
from engine.audit.retention import due
from engine.audit.selection import all_rows, term_to_text
from engine.digest import JSON
from engine.errors import LogTampered, UsageError
from engine.workspace.keeping.choosing import Choice, chosen, means_everything
from engine.workspace.keeping.erasing import erase, settle, still_named
from engine.workspace.keeping.needs import Sorted, losses, sort_out
from engine.workspace.keeping.personal import mentions
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params

Reason = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(pattern=NAME)]

OUTSIDE = (
    "backups and copies made before",
    "bills with their annexes, exports and proofs that were written to files or handed out",
    "what partners recorded of the same transfers",
    "signing certificates in attestations, agreements and the signing log, which name who signed",
)
"""What an erasure does not reach."""


class Erase(Choice):
    """Which payloads, and why."""

    naming: Annotated[str, Field(min_length=2, max_length=1000)] | None = None
    reason: Reason = ""
    dry_run: bool = False


class Retain(Params):
    """Whether only to tell."""

    dry_run: bool = False


class Place(Params):
    """A hold: its name, what it covers, and why."""

    name: Name
    covers: Choice
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class Lift(Params):
    """Which hold, and why."""

    name: Name
    reason: Reason = ""


def erase_payloads(office: Office, call: Call, params: Erase) -> dict[str, Any]:
    """Erase the payloads of entries, except those that are held or still needed."""
    who = office.caller(call.token).identity
    term = params.term(office)
    if means_everything(term) and params.naming is None:
        raise UsageError("no entries are named", remedy="Say which: 'type:decision.*', '--entry 12', '--actor ada'.")
    office.governance.people.now()  # who left the directory is named by an entry, which has to be there to be erased
    with LogReader(office.layout.audit_database) as log:
        size = log.size  # what this command records itself is never meant
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    check(office, call)
    with LogReader(office.layout.audit_database) as log:
        asked = (entry for entry in chosen(log, term, size) if _mentioned(entry, params.naming))
        found = sort_out(office, asked, holds_of(log))
    result = describe(office, found, erased=not params.dry_run)
    if not params.dry_run:
        indices = [row.index for row in found.erasable]
        steps = _steps(call)
        erase(office, {"": indices}, actor=who, reason=params.reason, progress=steps, naming=params.naming)
        names = [*map(office.identity, params.actors), *([params.naming] if params.naming else [])]
        result["still_named_in"] = still_named(office, names)
    return result


def retain(office: Office, call: Call, params: Retain) -> dict[str, Any]:
    """Erase what the profile of the settings keeps no longer. Doing it again erases nothing more."""
    who = office.caller(call.token).identity
    denied = office.denial(office.governance.action, who)
    return denied if denied is not None else apply_retention(office, call, who, dry_run=params.dry_run)


def apply_retention(office: Office, call: Call, who: str, *, dry_run: bool) -> dict[str, Any]:
    """Erase what is older than the profile keeps, and neither held nor needed; see `retain`."""
    profile = office.settings.retention.keep
    with LogReader(office.layout.audit_database) as log:
        rules = {row.index: rule for rule, row in due(profile, all_rows(log), office.clock())}
        found = sort_out(office, map(log.entry, rules), holds_of(log)) if rules else Sorted((), (), 0)
    groups: dict[str, list[int]] = {}
    for row in found.erasable:
        groups.setdefault(rules[row.index], []).append(row.index)
    if groups and not dry_run:
        check(office, call)
        erase(office, groups, actor=who, reason="retention", progress=_steps(call))
    by_rule: dict[str, JSON] = {rule: len(indices) for rule, indices in sorted(groups.items())}
    return {
        **describe(office, found, erased=not dry_run),
        "profile": dict(profile),
        "by_rule": by_rule,
    }


def place_hold(office: Office, call: Call, params: Place) -> dict[str, JSON]:
    """Place a legal hold; the same again changes nothing."""
    who = office.caller(call.token).identity
    covers = params.covers.term(office)
    if means_everything(covers):
        raise UsageError("the hold covers nothing", remedy="Say what: 'transfer:tr-1f2e*', or 'type:*' for all.")
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    check(office, call)
    with LogReader(office.layout.audit_database) as log:
        known = next((hold for hold in holds_of(log) if hold.name == params.name), None)
        size = log.size
    if known is None:
        office.log.record(placed(params.name, covers, actor=who, reason=params.reason, after=size))
    elif (known.covers, known.reason) != (covers, params.reason):
        raise UsageError(f"the hold {params.name} stands already, and covers something else", remedy="Name another.")
    office.remember_own()
    return _described(office, params.name)


def lift_hold(office: Office, call: Call, params: Lift) -> dict[str, JSON]:
    """Lift a legal hold."""
    who = office.caller(call.token).identity
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    check(office, call)
    with LogReader(office.layout.audit_database) as log:
        known = next((hold for hold in holds_of(log) if hold.name == params.name), None)
    if known is None:
        raise UsageError(f"no hold {params.name} stands", remedy="'lading audit hold list' shows those that do.")
    office.log.record(lifted(known, actor=who, reason=params.reason))
    office.remember_own()
    return {"name": known.name, "lifted": True}


def list_holds(office: Office, call: Call, _: Params) -> dict[str, Any]:
    """Return the holds that stand, with how many entries each covers now."""
    office.caller(call.token)
    with LogReader(office.layout.audit_database) as log:
        return {"holds": [_told(hold, log) for hold in holds_of(log)]}


def check(office: Office, call: Call) -> None:
    """Finish what an earlier erasure left, then make sure that the log verifies.

    Raises:
        LogTampered: it does not; evidence of that is not to be erased.
    """
    settle(office)
    report: Any = verify_log(office.layout.home, call.progress)
    if not report["ok"]:
        first = report["problems"][0]
        raise LogTampered(
            f"the log does not verify: {first['where']}: {first['message']}",
            remedy="Run 'lading audit verify'. Nothing was erased: the payloads may be the evidence.",
        )


def describe(office: Office, found: Sorted, *, erased: bool) -> dict[str, Any]:
    """Return what goes, by type, what is kept, by reason, and what is lost with it."""
    kept: dict[str, list[Entry]] = {}
    for row, why in found.kept:
        kept.setdefault(why, []).append(row)
    return {
        "erased": erased,
        "entries": [row.index for row in found.erasable],
        "by_type": _counted(found.erasable),
        "kept": [{"why": why, "entries": [row.index for row in rows]} for why, rows in sorted(kept.items())],
        "before": found.erased,
        "losses": losses(found.erasable),
        "outside": [*OUTSIDE, *_former_logs(office)],
    }


def _former_logs(office: Office) -> list[str]:
    """Return the databases of logs that were continued: nothing can be appended to them, so nothing erased."""
    found = sorted(office.layout.state.glob("audit-*.db"))
    return [f"{path.relative_to(office.layout.home)}, the database of a log that was continued" for path in found]


def _counted(rows: Iterable[Entry]) -> dict[str, int]:
    return dict(sorted(Counter(row.type for row in rows).items()))


def _mentioned(entry: Entry, text: str | None) -> bool:
    return text is None or mentions(entry.payload, text)


def _steps(call: Call) -> Any:
    return lambda step: call.progress({"step": step, "done": 0, "total": 0})


def _described(office: Office, name: str) -> dict[str, JSON]:
    with LogReader(office.layout.audit_database) as log:
        return next(_told(hold, log) for hold in holds_of(log) if hold.name == name)


def _told(hold: Hold, log: LogReader) -> dict[str, JSON]:
    return {
        "name": hold.name,
        "covers": term_to_text(hold.covers),
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "entry": hold.entry,
        "entries": sum(1 for _ in chosen(log, hold.covers, log.size)),
    }
