"""Sending what the partner lacks, for as long as it takes: through broken connections, while policy permits."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.errors import Interrupted, PartnerUnreachable, Refused, WireError
from engine.manifest.artifact import Artifact
from engine.transfer.asking import ask_send
from engine.transfer.network import permitted, permitted_zone
from engine.transfer.outgoing import Outgoing
from engine.transfer.partner import Partner, Shipment
from engine.transfer.parts import Parts
from engine.transfer.reports import refuse, transfer_event

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
SAVE_SECONDS: Final = 0.25

Answer = TypeVar("Answer")


class Patience:
    """How long a partner that cannot be reached is tried again, with growing pauses."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.renew()

    def renew(self) -> None:
        """Start anew, because something got through."""
        self._deadline = time.monotonic() + self._parts.patience_seconds
        self._pause = FIRST_PAUSE_SECONDS

    def wait(self, broken: WireError) -> None:
        """Pause before the next try.

        Raises:
            WireError: patience is at its end, or the transfer is to stop: `broken`, as it was.
        """
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, hides nothing
        if time.monotonic() + pause > self._deadline or self._parts.stop.wait(pause):
            raise broken
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


def reconnecting(parts: Parts, ask: Callable[[], Answer]) -> Answer:
    """Ask until the partner answers. Only connections are tried again: an answer is final, whatever it says.

    Raises:
        PartnerUnreachable, Interrupted: patience is at its end, or the transfer is to stop.
    """
    patience = Patience(parts)
    while True:
        try:
            return ask()
        except (PartnerUnreachable, Interrupted) as broken:
            patience.wait(broken)


def ship(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Send chunks until the partner lacks none. Policy is asked again whenever the connection is made again.

    Raises:
        SourceChanged: a file is not what was packed; nothing of it was sent.
        StoreError, IntegrityError: what was received and is handed on cannot be read from the store any more.
        PartnerUnreachable, Interrupted: patience is at its end, or the transfer is to stop.
    """
    artifact = parts.registry.get(transfer.artifact)
    patience = Patience(parts)
    kind = "transfer.started" if transfer.state == "offered" else "transfer.resumed"
    while True:
        before = transfer.chunks_done
        try:
            if kind == "transfer.resumed":
                _ask_again(parts, transfer)
            return _send_missing(parts, transfer, artifact, kind)
        except _Denied as denied:
            return _stop(parts, parts.table.get(transfer.id), str(denied))
        except Refused as refusal:
            return refuse(parts, parts.table.get(transfer.id), refusal)
        except (PartnerUnreachable, Interrupted) as broken:
            transfer = parts.table.get(transfer.id)
            if transfer.chunks_done > before:
                patience.renew()
            patience.wait(broken)
        kind = "transfer.resumed"


def _send_missing(parts: Parts, transfer: Outgoing, artifact: Artifact, kind: str) -> Outgoing:
    """Ask what is missing and send it, until nothing is."""
    partner, sizes = permitted(parts, transfer), dict(artifact.chunks.distinct)
    while missing := partner.missing(transfer.id, artifact.chunks):
        lacking = sum(sizes[digest] for digest in missing)
        done = replace(
            transfer,
            state="sending",
            chunks_done=len(sizes) - len(missing),
            bytes_done=transfer.bytes_total - lacking,
        )
        payload = {"missing": len(missing), "chunks": len(sizes), "bytes": lacking}
        parts.recorder.record(transfer_event(done, kind, fresh_nonce(), payload))
        transfer = _Run(parts, parts.table.save(done)).ship(partner, artifact, missing)
        kind = "transfer.resumed"
    done = replace(transfer, chunks_done=len(sizes), bytes_done=transfer.bytes_total)
    return parts.table.save(replace(done, step="commit", state="committing", detail=""))


class _Denied(Exception):  # noqa: N818 - carries policy's answer out of a shipment, and no further
    """Policy no longer permits the transfer."""


class _Run:
    """One run of chunks: counts what is acknowledged, shows it, and asks policy again now and then."""

    def __init__(self, parts: Parts, transfer: Outgoing) -> None:
        self._parts = parts
        self._start = self._now = transfer
        self._saved = self._asked = time.monotonic()
        self._zone = permitted_zone(parts, transfer)

    def ship(self, partner: Partner, artifact: Artifact, missing: frozenset[str]) -> Outgoing:
        """Send, and return the transfer as far as it came; what was counted is saved in any case."""
        shipment = Shipment(
            transfer=self._start.id,
            source=self._parts.source(artifact),
            chunks=artifact.chunks,
            missing=missing,
            rate_limit=self._parts.rate_limit,
            acknowledged=self._acknowledged,
            reconnected=self._reconnected,
            stop=self._parts.stop,
        )
        try:
            partner.ship(shipment)
        finally:
            self._now = self._parts.table.save(self._now)
        return self._now

    def _acknowledged(self, chunks: int, size: int, resent: int) -> None:
        start = self._start
        self._now = replace(
            self._now,
            chunks_done=start.chunks_done + chunks,
            bytes_done=start.bytes_done + size,
            chunks_sent=start.chunks_sent + chunks + resent,
        )
        now = time.monotonic()
        if now - self._saved >= SAVE_SECONDS:
            self._saved = now
            self._now = self._parts.table.save(self._now)
        self._parts.progress(
            {
                "step": "sending",
                "transfer": start.id,
                "done": self._now.bytes_done,
                "total": start.bytes_total,
                "chunks_done": self._now.chunks_done,
                "chunks_total": start.chunks_total,
            }
        )
        if now - self._asked >= self._parts.reauthorize_seconds:
            self._asked = now
            self._ask_again()

    def _reconnected(self) -> None:
        """A broken connection is made again: policy is asked again, and the log shows it."""
        self._ask_again()
        payload = {"acknowledged": self._now.chunks_done, "chunks": self._start.chunks_total}
        event = transfer_event(self._start, "transfer.resumed", fresh_nonce(), payload)
        self._parts.recorder.record(event)

    def _ask_again(self) -> None:
        """Ask policy again. This run's connections are in one zone: when it is another now, they are all made anew."""
        _ask_again(self._parts, self._start)
        if (zone := permitted_zone(self._parts, self._start)) != self._zone:
            raise Interrupted(
                f"the gateway of {self._start.partner} moved from the network zone {self._zone!r} to {zone!r}",
                remedy="Run 'lading send' again to go on.",
            )


def _ask_again(parts: Parts, transfer: Outgoing) -> None:
    decision = ask_send(parts, transfer)
    if not decision.permitted:
        raise _Denied("; ".join(decision.because))


def _stop(parts: Parts, transfer: Outgoing, why: str) -> Outgoing:
    payload: dict[str, JSON] = {
        "acknowledged": transfer.chunks_done,
        "chunks": transfer.chunks_total,
        "why": why,
    }
    parts.recorder.record(transfer_event(transfer, "transfer.failed", fresh_nonce(), payload))
    return parts.table.save(replace(transfer, state="denied", detail=f"stopped on the way by {why}"))
