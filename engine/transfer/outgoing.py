"""The table of transfers this organization sends, as frozen rows and the documents beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from sqlalchemy import Engine, insert, select, update

from engine.database.documents import Documents
from engine.database.gone import Gone
from engine.errors import InputError
from engine.events import Clock
from engine.transfer.tables import document, outgoing

FIRST_STEP = "preflight"
STOPPED = frozenset({"completed", "failed", "denied", "quarantined"})
"""States in which nothing more happens to a transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person asked for. Two equal orders are the same transfer until it has stopped.

    Attributes:
        artifact: root digest.
        partner: the organization it goes to.
        agreement: digest of the agreement it goes under.
        purpose: one of the agreement's purposes.
        impact: what the requester expects to change downstream, in their words.
        actor: the identity that asks.
    """

    artifact: str
    partner: str
    agreement: str
    purpose: str
    impact: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing(Order):
    """One transfer as it stands. Sizes are bytes, moments Unix seconds.

    `chunks_sent` counts every chunk put on the wire, so `chunks_sent - chunks_done` were sent more than once.
    """

    id: str
    name: str
    version: str
    state: str
    step: str
    detail: str
    chunks_total: int
    chunks_done: int
    chunks_sent: int
    bytes_total: int
    bytes_done: int
    started: float
    updated: float

    @property
    def stopped(self) -> bool:
        """True when nothing more will happen to it."""
        return self.state in STOPPED


class OutgoingTable:
    """Reads and writes transfers. Each write is one durable transaction."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._documents = Documents(engine, document)

    def add(self, transfer: Outgoing) -> None:
        """Insert a new transfer."""
        with self._engine.begin() as connection:
            connection.execute(insert(outgoing).values(_values(transfer)))

    def save(self, transfer: Outgoing, documents: Mapping[str, bytes] | None = None) -> Outgoing:
        """Write a transfer's new standing and its new documents together; return it with the time of the write."""
        stamped = replace(transfer, updated=self._clock().timestamp())
        with self._engine.begin() as connection:
            connection.execute(update(outgoing).where(outgoing.c.id == stamped.id).values(_values(stamped)))
            self._documents.put(connection, stamped.id, documents or {})
        return stamped

    def keep(self, transfer: str, documents: Mapping[str, bytes]) -> None:
        """Write documents of a transfer, and nothing else of it."""
        with self._engine.begin() as connection:
            self._documents.put(connection, transfer, documents)

    def get(self, transfer: str) -> Outgoing:
        """Return one transfer by its id or a unique prefix of it.

        Raises:
            InputError: there is none, or more than one.
        """
        matching = outgoing.c.id.startswith(transfer, autoescape=True)
        with self._engine.connect() as connection:
            rows = connection.execute(select(outgoing).where(matching).limit(2)).mappings().all()
        if len(rows) != 1:
            raise InputError(
                f"{'no' if not rows else 'more than one'} outgoing transfer is called {transfer!r}",
                remedy="'lading transfer list' shows them all.",
            )
        return Outgoing(**rows[0])

    def find(self, transfer: str) -> Outgoing | None:
        """Return one transfer by its whole id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(outgoing).where(outgoing.c.id == transfer)).mappings().first()
        return Outgoing(**row) if row else None

    def all(self) -> list[Outgoing]:
        """Return every transfer, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(outgoing).order_by(outgoing.c.started.desc())).mappings().all()
        return [Outgoing(**row) for row in rows]

    def unfinished(self, order: Order) -> Outgoing | None:
        """Return the transfer this order already is, unless it has stopped."""
        same = [getattr(outgoing.c, f.name) == getattr(order, f.name) for f in fields(Order) if f.name != "impact"]
        query = select(outgoing).where(*same, outgoing.c.state.not_in(STOPPED)).order_by(outgoing.c.started.desc())
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return Outgoing(**row) if row else None

    def document(self, transfer: str, name: str) -> bytes | None:
        """Return a document of a transfer, such as `offer` or `receipt`."""
        return self._documents.get(transfer, name)

    def forget(self, transfer: str, gone: Gone, copies: Collection[str] = ()) -> None:
        """Let the row and the documents of a stopped transfer say nothing erased; see `Documents.forget`."""
        here = outgoing.c.id == transfer
        with self._engine.begin() as connection:
            row = connection.execute(select(outgoing).where(here)).mappings().first()
            if row is None:
                return
            values = gone.erased_of(dict(row), ("purpose", "impact", "actor", "detail"))
            if values:
                connection.execute(update(outgoing).where(here).values(values))
            self._documents.forget(connection, transfer, gone, copies)


def _values(transfer: Outgoing) -> dict[str, object]:
    return {f.name: getattr(transfer, f.name) for f in fields(Outgoing)}
