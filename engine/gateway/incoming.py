"""The table of transfers this organization receives, as frozen rows and the documents beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from sqlalchemy import Engine, insert, select, update

from engine.database.documents import Documents
from engine.database.gone import Gone
from engine.events import Clock
from engine.gateway.tables import document, incoming

ACCEPTED = "offered"
COMMITTED = "validating"
REVOKED = "denied"
EXPIRED = "failed"
UNDER_WAY = frozenset({ACCEPTED, COMMITTED})
"""States in which something may still happen to a transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One incoming transfer as it stands. Sizes are bytes, moments Unix seconds.

    Attributes:
        state: `offered` while chunks may come, `validating` after commit, then `completed` or `quarantined`;
            `denied` when policy stopped it, `failed` when the deadline of its acceptance passed before that.
    """

    id: str
    partner: str
    artifact: str
    name: str
    version: str
    agreement: str
    purpose: str
    actor: str
    state: str
    step: str
    detail: str
    chunks_total: int
    bytes_total: int
    started: float
    updated: float


class IncomingTable:
    """Reads and writes incoming transfers. Each write is one durable transaction."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._documents = Documents(engine, document)

    def add(self, transfer: Incoming, documents: Mapping[str, bytes]) -> None:
        """Insert a new transfer with its first documents."""
        with self._engine.begin() as connection:
            connection.execute(insert(incoming).values(_values(transfer)))
            self._documents.put(connection, transfer.id, documents)

    def save(
        self,
        transfer: Incoming,
        *,
        state: str,
        step: str,
        detail: str = "",
        documents: Mapping[str, bytes] | None = None,
    ) -> Incoming:
        """Write a transfer's new state and its new documents together."""
        now = self._clock().timestamp()
        changed = replace(transfer, state=state, step=step, detail=detail, updated=now)
        with self._engine.begin() as connection:
            connection.execute(update(incoming).where(incoming.c.id == changed.id).values(_values(changed)))
            self._documents.put(connection, changed.id, documents or {})
        return changed

    def find(self, transfer: str) -> Incoming | None:
        """Return one transfer by its whole id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(incoming).where(incoming.c.id == transfer)).mappings().first()
        return Incoming(**row) if row else None

    def all(self) -> list[Incoming]:
        """Return every transfer, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(incoming).order_by(incoming.c.started.desc())).mappings().all()
        return [Incoming(**row) for row in rows]

    def in_state(self, state: str) -> list[Incoming]:
        """Return the transfers in one state, oldest first."""
        query = select(incoming).where(incoming.c.state == state).order_by(incoming.c.started)
        with self._engine.connect() as connection:
            return [Incoming(**row) for row in connection.execute(query).mappings()]

    def document(self, transfer: str, name: str) -> bytes | None:
        """Return a document of a transfer, such as `offer` or `receipt`."""
        return self._documents.get(transfer, name)

    def forget(self, transfer: str, gone: Gone, copies: Collection[str] = ()) -> None:
        """Let the row and the documents of a transfer that is over say nothing erased; see `Documents.forget`."""
        here = incoming.c.id == transfer
        with self._engine.begin() as connection:
            row = connection.execute(select(incoming).where(here)).mappings().first()
            if row is None:
                return
            values = gone.erased_of(dict(row), ("purpose", "actor", "detail"))
            if values:
                connection.execute(update(incoming).where(here).values(values))
            self._documents.forget(connection, transfer, gone, copies)


def _values(transfer: Incoming) -> dict[str, object]:
    return {f.name: getattr(transfer, f.name) for f in fields(Incoming)}
