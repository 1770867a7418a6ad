"""Running a transfer: find the one an order already is, or begin it, and take steps until it stops or waits."""

from dataclasses import replace
from typing import Final

from engine.custody.statements import fresh_nonce, fresh_transfer
from engine.digest import JSON
from engine.errors import Interrupted, LadingError, PartnerUnreachable
from engine.transfer.outgoing import FIRST_STEP, Order, Outgoing
from engine.transfer.parts import Parts
from engine.transfer.reports import transfer_event
from engine.transfer.steps import STEPS

AWAITING: Final = "awaiting-approval"


def begin(parts: Parts, order: Order) -> Outgoing:
    """Return the unfinished transfer that an order already is, or a new one."""
    known = parts.table.unfinished(order)
    if known is not None:
        return known
    artifact = parts.registry.get(order.artifact)
    now = parts.clock().timestamp()
    sizes = dict(artifact.chunks.distinct)
    transfer = Outgoing(
        id=fresh_transfer(),
        artifact=artifact.root,
        partner=order.partner,
        agreement=order.agreement,
        purpose=order.purpose,
        impact=order.impact,
        actor=order.actor,
        name=artifact.name,
        version=artifact.version,
        state="preparing",
        step=FIRST_STEP,
        detail="",
        chunks_total=len(sizes),
        chunks_done=0,
        chunks_sent=0,
        bytes_total=sum(sizes.values()),
        bytes_done=0,
        started=now,
        updated=now,
    )
    parts.table.add(transfer)
    return transfer


def run(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Take steps until the transfer has stopped or waits for a person.

    Raises:
        Interrupted, PartnerUnreachable: the connection broke for longer than patience lasts, or the run was told to
            stop; running again goes on where it stopped.
        LadingError: it cannot go on; the transfer has failed and says why.
    """
    if transfer.state == AWAITING:
        transfer = parts.table.save(replace(transfer, state="preparing"))
    while not transfer.stopped and transfer.state != AWAITING:
        parts.progress({"step": transfer.step, "transfer": transfer.id, "detail": transfer.detail})
        try:
            transfer = _step(parts, transfer)
        except (Interrupted, PartnerUnreachable) as broken:
            _pause(parts, transfer, str(broken))
            raise
        except KeyboardInterrupt:
            _pause(parts, transfer, "a person stopped it")
            raise
        except LadingError as error:
            _fail(parts, transfer, error)
            raise
    return transfer


def _step(parts: Parts, transfer: Outgoing) -> Outgoing:
    if parts.stop.is_set():
        raise Interrupted("the transfer was told to stop", remedy="Run 'lading send' again to go on.")
    return STEPS[transfer.step](parts, transfer)


def _pause(parts: Parts, transfer: Outgoing, why: str) -> None:
    """Record that the transfer stops for now, at which step, and how far it came."""
    now = parts.table.get(transfer.id)
    payload: dict[str, JSON] = {
        "step": now.step,
        "why": why,
        "acknowledged": now.chunks_done,
        "chunks": now.chunks_total,
    }
    parts.recorder.record(transfer_event(now, "transfer.paused", fresh_nonce(), payload))
    _stand(parts, now, "interrupted", why)


def _stand(parts: Parts, transfer: Outgoing, state: str, detail: str) -> Outgoing:
    return parts.table.save(replace(parts.table.get(transfer.id), state=state, detail=detail))


def _fail(parts: Parts, transfer: Outgoing, error: LadingError) -> None:
    payload = {"error": type(error).__name__, "message": str(error), "step": transfer.step}
    parts.recorder.record(transfer_event(transfer, "transfer.failed", fresh_nonce(), payload))
    _stand(parts, transfer, "failed", str(error))
