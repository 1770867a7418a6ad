"""What entries are still needed for, so that their payloads are not erased, and what is lost with the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from engine.audit.entry import Entry
from engine.audit.erasure import PERMANENT
from engine.audit.holds import Hold, holding, holds_of, left_standing
from engine.audit.reader import LogReader
from engine.gateway.incoming import UNDER_WAY
from engine.transfer.tickets import USED
from engine.workspace.log.former import Logs
from engine.workspace.office import Office

_WAITING: Final = frozenset({"proposed", "active"})


@dataclass(frozen=True, slots=True)
class Sorted:
    """Entries that somebody wants erased.

    Attributes:
        erasable: those that may be, without their payloads: there may be many.
        kept: those that may not, as well, with the reason.
        erased: how many had no payload any more.
    """

    erasable: tuple[Entry, ...]
    kept: tuple[tuple[Entry, str], ...]
    erased: int


NOTHING: Final = Sorted((), (), 0)


def sort_out(office: Office, entries: Iterable[Entry], holds: Iterable[Hold]) -> Sorted:
    """Tell which entries may be erased."""
    needed = _needed(office)
    standing = list(holds)
    erasable, kept, erased = [], [], 0
    for entry in entries:
        if entry.payload is None:
            erased += 1
            continue
        hold = holding(standing, entry)
        why = f"hold '{hold}' covers it" if hold else needed(entry)
        if why is None:
            erasable.append(replace(entry, salt=None, payload=None))
        else:
            kept.append((replace(entry, salt=None, payload=None), why))
    return Sorted(tuple(erasable), tuple(kept), erased)


def standing_holds(logs: Logs, log: LogReader | None = None) -> list[Hold]:
    """Return the holds that cover a log's entries: those of the log that is written now, and what stands in that log.

    Args:
        logs: all logs of the organization.
        log: one of them; None for what stands in any.

    Raises:
        LogTampered: a hold cannot be read.
    """
    current, *former = logs.all
    wanted = [each for each in former if log is None or each is log]
    return holds_of(current) + [hold for each in wanted for hold in left_standing(each, logs.later(each))]


def losses(entries: Iterable[Entry]) -> list[str]:
    """Say what can no longer be done without the payloads of these entries."""
    types = {entry.type for entry in entries}
    told = {
        "decision.": "these decisions can no longer be repeated or replayed, nor say why they came out so",
        "policy.": "the history of policies no longer says who changed these bundles, and why",
        "transfer.": "no bill of lading can be made, any more, of transfers whose statements named what was erased",
        "breakglass.": "these break-glass cases no longer say who asked, who approved, and what the review found",
        "validation.": "these checks no longer say what they found",
    }
    return [loss for kind, loss in told.items() if any(each.startswith(kind) for each in types)]


def _needed(office: Office) -> Callable[[Entry], str | None]:
    """Return what says why an entry's payload is still needed; None if it is not."""
    moving = {each.id for each in office.outgoing.all() if not each.stopped}
    moving |= {each.id for each in office.incoming.all() if each.state in UNDER_WAY}
    open_reviews = {each.transfer for each in office.tickets.all() if each.state == USED}
    store = office.governance.store
    waiting = {each.digest for each in store.candidates() if each.state in _WAITING}
    waiting |= {*store.shadows(), *filter(None, [store.active()])}
    packed = {artifact.root for artifact in office.registry.list() if artifact.source is not None}

    def why(entry: Entry) -> str | None:
        if entry.type in PERMANENT:
            return "it says what was erased or held, and stays"
        if entry.public.get("transfer") in moving:
            return f"transfer {entry.public['transfer']} is under way"
        if entry.public.get("transfer") in open_reviews and entry.type.startswith("breakglass."):
            return f"the review of break-glass for transfer {entry.public['transfer']} is open"
        if entry.public.get("policy") in waiting and entry.type.startswith("policy."):
            return f"bundle {entry.public['policy'][:16]} decides, or waits to"
        if entry.public.get("artifact") in packed and entry.type == "artifact.registered":
            return f"artifact {entry.public['artifact'][:16]} is in the registry, with the folder it is in"
        return None

    return why
