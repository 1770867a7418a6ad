"""The table of break-glass tickets: asked for, approved, used, reviewed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from sqlalchemy import Engine, Row, func, insert, select, update

from engine.database.gone import Gone
from engine.digest import canonical, sha256
from engine.errors import InputError
from engine.events import Clock
from engine.transfer.tables import break_glass

REQUESTED: Final = "requested"
APPROVED: Final = "approved"
USED: Final = "used"
REVIEWED: Final = "reviewed"
REVIEW_SECONDS: Final = 7 * 86_400.0
"""How long a used ticket may wait for its review before no other one is approved."""

_TEXTS: Final = ("requester", "ticket", "reason", "approver", "reviewer", "finding")


def ticket_id(transfer: str, number: int) -> str:
    """Return the id of a transfer's ticket, the same whenever it is asked for again after a crash.

    Args:
        transfer: the transfer.
        number: how many tickets it had before.
    """
    return f"bg-{sha256(canonical([transfer, number]))[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as it stands. Moments are Unix seconds.

    Attributes:
        id: `bg-` and 12 hexadecimal digits; see `ticket_id`.
        transfer: the transfer it is for.
        state: `requested`, `approved`, `used` (its review is open) or `reviewed`.
        requester: who asked.
        waives: codes of the findings it is for.
        ticket: the incident it belongs to.
        reason: the requester's.
        hours: how long it is asked for.
        requested: when.
        approver: the second person.
        statement: the Sigstore bundle they signed.
        expires: from when it no longer counts.
        used: when policy first permitted by it.
        reviewer: who closed its review.
        finding: what they found.
        reviewed: when.
    """

    id: str
    transfer: str
    state: str
    requester: str
    waives: tuple[str, ...]
    ticket: str
    reason: str
    hours: float
    requested: float
    approver: str | None = None
    statement: bytes | None = None
    expires: float | None = None
    used: float | None = None
    reviewer: str | None = None
    finding: str | None = None
    reviewed: float | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What a second person is asked to sign, besides what the transfer is."""
        return {"requester": self.requester, "waives": self.waives, "ticket": self.ticket}

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row."""
        return cls(**{**row._mapping, "waives": tuple(json.loads(row.waives))})  # noqa: SLF001 - SQLAlchemy's public name


class TicketTable:
    """Reads and writes tickets. Each write is one durable transaction."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, ticket: Ticket) -> Ticket:
        """Insert a new ticket."""
        with self._engine.begin() as connection:
            connection.execute(insert(break_glass).values(_values(ticket)))
        return ticket

    def change(self, ticket: Ticket, *, before: str) -> Ticket:
        """Write a ticket's new standing if it still stands as it did; return how it stands now."""
        same = (break_glass.c.id == ticket.id) & (break_glass.c.state == before)
        with self._engine.begin() as connection:
            connection.execute(update(break_glass).where(same).values(_values(ticket)))
        return self.get(ticket.id)

    def get(self, ref: str) -> Ticket:
        """Return a ticket by its id or a unique prefix of it.

        Raises:
            InputError: there is none, or more than one.
        """
        with self._engine.connect() as connection:
            matching = break_glass.c.id.startswith(ref, autoescape=True)
            rows = connection.execute(select(break_glass).where(matching).limit(2)).all()
        if len(rows) != 1:
            raise InputError(
                f"{'no' if not rows else 'more than one'} ticket is called {ref!r}",
                remedy="'lading breakglass list' shows them all.",
            )
        return Ticket.of(rows[0])

    def all(self) -> list[Ticket]:
        """Return every ticket, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(break_glass).order_by(break_glass.c.requested.desc())).all()
        return [Ticket.of(row) for row in rows]

    def of_transfer(self, transfer: str, states: Sequence[str]) -> Ticket | None:
        """Return the newest ticket of a transfer that is in one of these states."""
        matching = (break_glass.c.transfer == transfer) & break_glass.c.state.in_(states)
        query = select(break_glass).where(matching).order_by(break_glass.c.requested.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Ticket.of(row) if row else None

    def use(self, ticket: Ticket, used: float) -> Ticket:
        """Note when policy first permitted by a ticket: its review is open from then on."""
        return self.change(replace(ticket, state=USED, used=used), before=APPROVED)

    def count(self, transfer: str) -> int:
        """Return how many tickets were asked for, for a transfer."""
        query = select(func.count()).where(break_glass.c.transfer == transfer)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def overdue(self) -> list[Ticket]:
        """Return the tickets whose review has been open for too long."""
        now = self._clock().timestamp()
        return [each for each in self.all() if each.state == USED and now - (each.used or now) > REVIEW_SECONDS]

    def forget(self, transfer: str, gone: Gone) -> None:
        """Let the tickets of a transfer say nothing that was erased."""
        with self._engine.begin() as connection:
            query = select(break_glass).where(break_glass.c.transfer == transfer)
            for row in connection.execute(query).mappings().all():
                values: dict[str, str | None] = {**gone.erased_of(dict(row), _TEXTS)}
                if gone.document(row["statement"]):
                    values["statement"] = None
                if values:
                    connection.execute(update(break_glass).where(break_glass.c.id == row["id"]).values(values))


def _values(ticket: Ticket) -> dict[str, object]:
    return {**asdict(ticket), "waives": json.dumps(ticket.waives)}
