"""What entries are still needed for, so that their payloads are not erased, and what is lost with the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from engine.audit.erasure import PERMANENT
from engine.audit.holds import Hold, holding
from engine.audit.reader import LogReader, Row
from engine.gateway.incoming import UNDER_WAY
from engine.transfer.tickets import USED
from engine.workspace.office import Office

_WAITING: Final = frozenset({"proposed", "active"})


@dataclass(frozen=True, slots=True)
class Sorted:
    """Entries that somebody wants erased.

    Attributes:
        erasable: those that may be.
        kept: those that may not, with the reason.
        erased: how many had no payload any more.
    """

    erasable: tuple[Row, ...]
    kept: tuple[tuple[Row, str], ...]
    erased: int


def sort_out(office: Office, log: LogReader, rows: Iterable[Row], holds: Iterable[Hold]) -> Sorted:
    """Tell which entries may be erased."""
    needed = _needed(office)
    standing = list(holds)
    erasable, kept, erased = [], [], 0
    for row in rows:
        if log.entry(row.index).payload is None:
            erased += 1
            continue
        hold = holding(standing, row)
        why = f"hold '{hold}' covers it" if hold else needed(row)
        if why is None:
            erasable.append(row)
        else:
            kept.append((row, why))
    return Sorted(tuple(erasable), tuple(kept), erased)


def losses(rows: Iterable[Row]) -> list[str]:
    """Say what can no longer be done without the payloads of these entries."""
    types = {row.type for row in rows}
    told = {
        "decision.": "these decisions can no longer be repeated or replayed, nor say why they came out so",
        "policy.": "the history of policies no longer says who changed these bundles, and why",
        "transfer.": "no bill of lading can be made, any more, of transfers whose statements named what was erased",
        "breakglass.": "these break-glass cases no longer say who asked, who approved, and what the review found",
        "validation.": "these checks no longer say what they found",
    }
    return [loss for kind, loss in told.items() if any(each.startswith(kind) for each in types)]


def _needed(office: Office) -> Callable[[Row], str | None]:
    """Return what says why an entry's payload is still needed; None if it is not."""
    moving = {each.id for each in office.outgoing.all() if not each.stopped}
    moving |= {each.id for each in office.incoming.all() if each.state in UNDER_WAY}
    open_reviews = {each.transfer for each in office.tickets.all() if each.state == USED}
    store = office.governance.store
    waiting = {each.digest for each in store.candidates() if each.state in _WAITING}
    waiting |= {*store.shadows(), *filter(None, [store.active()])}
    packed = {artifact.root for artifact in office.registry.list() if artifact.source is not None}

    def why(row: Row) -> str | None:
        if row.type in PERMANENT:
            return "it says what was erased or held, and stays"
        if row.transfer in moving:
            return f"transfer {row.transfer} is under way"
        if row.transfer in open_reviews and row.type.startswith("breakglass."):
            return f"the review of break-glass for transfer {row.transfer} is open"
        if row.policy in waiting and row.type.startswith("policy."):
            return f"bundle {str(row.policy)[:16]} decides, or waits to"
        if row.artifact in packed and row.type == "artifact.registered":
            return f"artifact {str(row.artifact)[:16]} is in the registry, which names the folder it was packed from"
        return None

    return why
