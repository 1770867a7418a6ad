"""A finished transfer, whichever way it went: what bills and annexes are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.errors import InputError
from engine.gateway.incoming import Incoming
from engine.transfer.outgoing import Outgoing
from engine.workspace.office import Office

FINISHED: Final = frozenset({"completed", "quarantined"})
"""The states of a transfer that proves something: bills and annexes are made of no other."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A transfer, sent or received.

    Attributes:
        row: how it stands.
        sender: who sent it.
        receiver: to whom.
        document: returns a document kept with it, by name.
        keep: keeps documents with it.
    """

    row: Outgoing | Incoming
    sender: str
    receiver: str
    document: Callable[[str], bytes | None]
    keep: Callable[[Mapping[str, bytes]], object]

    @property
    def finished(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.row.state in FINISHED


def find_handoff(office: Office, ref: str) -> Handoff:
    """Find a transfer among those sent and those received.

    Args:
        office: whose.
        ref: its id, or a unique prefix of it.

    Raises:
        InputError: there is none, or more than one.
    """
    rows: list[Outgoing | Incoming] = [*office.outgoing.all(), *office.incoming.all()]
    found = [row for row in rows if row.id.startswith(ref)] if ref else []
    if len(found) != 1:
        raise InputError(
            f"{'no' if not found else 'more than one'} transfer is called {ref!r}",
            remedy="'lading transfer list' shows them all.",
        )
    row = found[0]
    return _sent(office, row) if isinstance(row, Outgoing) else _received(office, row)


def _sent(office: Office, row: Outgoing) -> Handoff:
    return Handoff(
        row,
        office.organization,
        row.partner,
        lambda name: office.outgoing.document(row.id, name),
        lambda documents: office.outgoing.save(row, documents),
    )


def _received(office: Office, row: Incoming) -> Handoff:
    return Handoff(
        row,
        row.partner,
        office.organization,
        lambda name: office.incoming.document(row.id, name),
        lambda documents: office.incoming.save(
            row, state=row.state, step=row.step, detail=row.detail, documents=documents
        ),
    )
