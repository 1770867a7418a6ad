"""What the steps of a transfer report: events for the log, footprints, refusals."""

import resource
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from engine.digest import JSON, canonical, sha256
from engine.errors import Refused
from engine.events import Event, event_id
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts

FINAL: Final = frozenset({400, 403, 404, 409, 410, 413, 422})
"""HTTP statuses that end a transfer; others are about the moment, and the person may try again."""


def transfer_event(
    transfer: Outgoing,
    kind: str,
    occurrence: str,
    payload: Mapping[str, JSON],
    *,
    actor: str | None = None,
    statement: str | None = None,
) -> Event:
    """Return an event about a transfer; the same occurrence of the same kind is the same event.

    Args:
        transfer: the transfer.
        kind: the event's type.
        occurrence: what tells two events of this kind apart, such as a statement's nonce.
        payload: what may be erased later.
        actor: who acted, if it was not the requester.
        statement: SHA-256 of the signed statement it is about.
    """
    return Event(
        id=transfer_event_id(transfer.id, kind, occurrence),
        type=kind,
        actor=actor or transfer.actor,
        artifact=transfer.artifact,
        partner=transfer.partner,
        transfer=transfer.id,
        agreement=transfer.agreement,
        statement=statement,
        payload=payload,
    )


def transfer_event_id(transfer: str, kind: str, occurrence: str) -> str:
    """Return the id that an event about a transfer has whenever it is recorded."""
    return event_id(transfer, f"{kind}:{occurrence}")


def footprint() -> dict[str, JSON]:
    """Return what this process used so far: CPU milliseconds, and peak memory in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_milliseconds": round((used.ru_utime + used.ru_stime) * 1000),
        "peak_rss_bytes": used.ru_maxrss * 1024,
    }


def refuse(parts: Parts, transfer: Outgoing, refusal: Refused) -> Outgoing:
    """End a transfer that the partner refused, keeping what they disclosed.

    Raises:
        Refused: the refusal is about this moment, not about the transfer.
    """
    if refusal.status not in FINAL:
        raise refusal
    said = canonical(refusal.problem)
    payload: dict[str, JSON] = {"status": refusal.status, "said": said.decode()}
    parts.recorder.record(transfer_event(transfer, "transfer.refused", sha256(said), payload))
    state = "denied" if refusal.status == HTTPStatus.FORBIDDEN else "failed"
    return parts.table.save(replace(transfer, state=state, detail=str(refusal)), {"refusal": said})
