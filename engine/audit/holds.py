"""Legal hold: which payloads nobody may erase, whatever else asks for it.

Holds are entries of the log and nothing else: `hold.placed` has a name, what it covers and why in its payload,
`hold.lifted` has the name. A hold stands from the one to the other and covers past and future entries alike, in its own
log and in former ones. One that stood when its log was continued still covers the entries of that log; an entry of a
later one lifts it, which has its log's origin as `origin` in the payload.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.audit.entry import Entry
from engine.audit.query.match import matches
from engine.audit.query.terms import Term
from engine.audit.reader import LogReader
from engine.audit.schema import tampered
from engine.audit.selection import all_rows, term_of_json, term_to_json
from engine.digest import JSON
from engine.events import Event, event_id

HOLD_PLACED: Final = "hold.placed"
HOLD_LIFTED: Final = "hold.lifted"

NAME: Final = r"^[a-z0-9][a-z0-9-]{0,63}$"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that stands.

    Attributes:
        name: what it is called.
        covers: which entries.
        reason: why, in the words of who placed it.
        by: who placed it.
        since: when.
        entry: the index of its `hold.placed`.
        origin: of the former log it stands in; None for the log that is written now.
    """

    name: str
    covers: Term
    reason: str
    by: str
    since: str
    entry: int
    origin: str | None = None


def holds_of(log: LogReader) -> list[Hold]:
    """Return the holds of a log that stand, as far as it says itself, in the order they were placed.

    INVARIANT: a hold that cannot be read holds everything up: the log is then called damaged, not free of holds.

    Args:
        log: a log that was verified; what its columns say is believed.

    Raises:
        LogTampered: the payload of a hold is missing, or is none.
    """
    standing: dict[str, Hold] = {}
    for row in all_rows(log):
        if row.type == HOLD_PLACED:
            hold = _read(log.entry(row.index))
            standing[hold.name] = hold
        elif row.type == HOLD_LIFTED:
            said = log.entry(row.index).payload or {}
            if "origin" not in said:
                standing.pop(str(said.get("name")), None)
    return list(standing.values())


def left_standing(log: LogReader, later: Iterable[LogReader]) -> list[Hold]:
    """Return the holds that stood when a log was continued, and that no later log lifted.

    Args:
        log: the former log.
        later: those that follow it.

    Raises:
        LogTampered: as `holds_of`.
    """
    origin = log.origin
    lifts = [
        follower.entry(index).payload or {}
        for follower in later
        for (index,) in follower.query("SELECT idx FROM event WHERE type = ?", HOLD_LIFTED)
    ]
    gone = {said.get("placed") for said in lifts if said.get("origin") == origin}
    return [replace(hold, origin=origin) for hold in holds_of(log) if hold.entry not in gone]


def holding(holds: Iterable[Hold], entry: Entry) -> str | None:
    """Return the name of the first hold that covers an entry; None if none does."""
    return next((hold.name for hold in holds if matches(hold.covers, entry)), None)


def placed(name: str, covers: Term, *, actor: str, reason: str, after: int) -> Event:
    """Return the event that places a hold.

    Args:
        name: what to call it.
        covers: which entries.
        actor: who places it.
        reason: why.
        after: how many entries the log has; tells it apart from an earlier hold of this name.
    """
    payload: dict[str, JSON] = {"name": name, "covers": term_to_json(covers), "reason": reason}
    return Event(id=event_id(f"hold:{name}", f"{HOLD_PLACED}:{after}"), type=HOLD_PLACED, actor=actor, payload=payload)


def lifted(hold: Hold, *, actor: str, reason: str) -> Event:
    """Return the event that lifts a hold."""
    payload: dict[str, JSON] = {"name": hold.name, "placed": hold.entry, "reason": reason}
    about = f"hold:{hold.name}"
    if hold.origin is not None:
        payload["origin"], about = hold.origin, f"{about}:{hold.origin}"
    id_ = event_id(about, f"{HOLD_LIFTED}:{hold.entry}")
    return Event(id=id_, type=HOLD_LIFTED, actor=actor, payload=payload)


def _read(entry: Entry) -> Hold:
    said = entry.payload or {}
    try:
        covers: Any = said["covers"]
        hold = Hold(
            str(said["name"]), term_of_json(covers), str(said["reason"]), str(said["actor"]), entry.time, entry.index
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise tampered(f"the hold placed by entry {entry.index} cannot be read: {error!r}") from None
    return hold
