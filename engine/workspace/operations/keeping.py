"""How long the record is kept: erase payloads, place and lift holds, apply the retention of the settings.

All of it is under the action that governs policies, and nothing is removed from a log that does not verify.

INVARIANT: from looking at the holds to the last step of an erasure, nobody else places or lifts one: `Office.keeping`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from engine.audit.entry import Entry
from engine.audit.holds import NAME, Hold, holds_of, lifted, placed
from engine.audit.query.terms import Term
from engine.audit.retention import due
from engine.audit.selection import all_rows, term_to_text
from engine.digest import JSON
from engine.errors import LogTampered, UsageError
from engine.workspace.keeping.choosing import Choice, chosen, means_everything
from engine.workspace.keeping.erasing import erase, settle, still_named
from engine.workspace.keeping.needs import NOTHING, Sorted, losses, sort_out, standing_holds
from engine.workspace.keeping.personal import mentions
from engine.workspace.log.former import Logs
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.origins.continuing import verify_continuations

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
    size = office.log.size  # what this command records itself is never meant
    params.expect_there(size)
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    check(office, call)
    with office.keeping.turn("an erasure", call.waits_for):
        found = _asked_for(office, params, term, size)
        result = describe(office, found, erased=not params.dry_run)
        if not params.dry_run:
            group = {origin: [row.index for row in each.erasable] for origin, each in found.items()}
            erase(office, {"": group}, actor=who, reason=params.reason, progress=_steps(call), naming=params.naming)
    if not params.dry_run:
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
    found, groups = _overdue(office)
    if groups and not dry_run:
        check(office, call)
        with office.keeping.turn("an erasure by retention", call.waits_for):
            found, groups = _overdue(office)  # a hold may have been placed since
            erase(office, groups, actor=who, reason="retention", progress=_steps(call))
    by_rule: dict[str, JSON] = {rule: sum(map(len, group.values())) for rule, group in sorted(groups.items())}
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
    with office.keeping.turn("a hold to be placed", call.waits_for):
        known = next((hold for hold in holds_of(office.log.reader) if hold.name == params.name), None)
        if known is None:
            office.log.record(placed(params.name, covers, actor=who, reason=params.reason, after=office.log.size))
        elif (known.covers, known.reason) != (covers, params.reason):
            raise UsageError(
                f"the hold {params.name} stands already, and covers something else", remedy="Name another."
            )
    office.remember_own()
    return _described(office, params.name)


def lift_hold(office: Office, call: Call, params: Lift) -> dict[str, JSON]:
    """Lift a legal hold."""
    who = office.caller(call.token).identity
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    check(office, call)
    with office.keeping.turn("a hold to be lifted", call.waits_for):
        known = next((hold for hold in standing_holds(office.logs) if hold.name == params.name), None)
        if known is None:
            raise UsageError(f"no hold {params.name} stands", remedy="'lading audit hold list' shows those that do.")
        office.log.record(lifted(known, actor=who, reason=params.reason))
    office.remember_own()
    return {"name": known.name, "lifted": True}


def list_holds(office: Office, call: Call, _: Params) -> dict[str, Any]:
    """Return the holds that stand, with how many entries each covers now."""
    office.caller(call.token)
    return {"holds": [_told(hold, office.logs) for hold in standing_holds(office.logs)]}


def check(office: Office, call: Call) -> None:
    """Finish what an earlier erasure left, then make sure that the log and the former ones verify.

    Raises:
        LogTampered: one does not; evidence of that is not to be erased.
    """
    settle(office, waits_for=call.waits_for)
    report: Any = verify_log(office.layout.home, call.progress)
    former: Any = verify_continuations(office.layout.home, call.progress) if report["ok"] else []
    for origin, problems in ((each["origin"], each["problems"]) for each in (report, *former)):
        if problems:
            raise LogTampered(
                f"the log {origin} does not verify: {problems[0]['where']}: {problems[0]['message']}",
                remedy="Run 'lading audit verify'. Nothing was erased: the payloads may be the evidence.",
            )


def _asked_for(office: Office, params: Erase, term: Term, size: int) -> dict[str, Sorted]:
    """Return what a person wants erased, sorted out, by the origin of the log; nothing from `size` on."""
    found: dict[str, Sorted] = {}
    logs = office.logs.all[:1] if params.entries else office.logs.all  # indices are those of the log that is written
    for log in logs:
        end = size if log.origin == office.origin else log.size
        asked = (entry for entry in chosen(log, term, end) if _mentioned(entry, params.naming))
        found[log.origin] = sort_out(office, asked, standing_holds(office.logs, log))
    return found


def _overdue(office: Office) -> tuple[dict[str, Sorted], dict[str, dict[str, list[int]]]]:
    """Return what is older than the profile keeps, sorted out, by origin; and what may go of it, by rule and origin."""
    found: dict[str, Sorted] = {}
    groups: dict[str, dict[str, list[int]]] = {}
    for log in office.logs.all:
        rules = {row.index: rule for rule, row in due(office.settings.retention.keep, all_rows(log), office.clock())}
        sorted_ = sort_out(office, map(log.entry, rules), standing_holds(office.logs, log)) if rules else NOTHING
        found[log.origin] = sorted_
        for row in sorted_.erasable:
            groups.setdefault(rules[row.index], {}).setdefault(log.origin, []).append(row.index)
    return found, groups


def describe(office: Office, found: Mapping[str, Sorted], *, erased: bool) -> dict[str, Any]:
    """Return what goes, by type, what is kept, by reason, and what is lost with it; by log where it is a former one.

    Args:
        office: whose.
        found: by the origin of the log.
        erased: whether it goes now.
    """
    kept: dict[tuple[str, str], list[int]] = {}
    for origin, each in found.items():
        for row, why in each.kept:
            kept.setdefault((origin, why), []).append(row.index)
    gone = {origin: [row.index for row in each.erasable] for origin, each in found.items()}
    erasable = [row for each in found.values() for row in each.erasable]
    return {
        "erased": erased,
        "entries": gone.pop(office.origin, []),
        "former": [{"origin": origin, "entries": indices} for origin, indices in gone.items() if indices],
        "by_type": _counted(erasable),
        "kept": [
            {"why": why if origin == office.origin else f"{why}, in {origin}", "entries": indices}
            for (origin, why), indices in sorted(kept.items())
        ],
        "before": sum(each.erased for each in found.values()),
        "losses": losses(erasable),
        "outside": [*OUTSIDE, *_unread_logs(office)],
    }


def _unread_logs(office: Office) -> list[str]:
    """Return the databases of former logs that could not be read, so that nothing is erased from them."""
    known = {log.path for log in office.logs.all}
    found = sorted(path for path in office.layout.state.glob("audit-*.db") if path not in known)
    return [f"{path.relative_to(office.layout.home)}, a former log that cannot be read" for path in found]


def _counted(rows: Iterable[Entry]) -> dict[str, int]:
    return dict(sorted(Counter(row.type for row in rows).items()))


def _mentioned(entry: Entry, text: str | None) -> bool:
    return text is None or mentions(entry.payload, text)


def _steps(call: Call) -> Any:
    return lambda step: call.progress({"step": step, "done": 0, "total": 0})


def _described(office: Office, name: str) -> dict[str, JSON]:
    return next(_told(hold, office.logs) for hold in standing_holds(office.logs) if hold.name == name)


def _told(hold: Hold, logs: Logs) -> dict[str, JSON]:
    covered = [log for log in logs.all if hold.origin in (None, log.origin)]
    return {
        "name": hold.name,
        "covers": term_to_text(hold.covers),
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "entry": hold.entry,
        "origin": hold.origin,
        "entries": sum(1 for log in covered for _ in chosen(log, hold.covers, log.size)),
    }
