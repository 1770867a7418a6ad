"""A partner's gateway, over mutual TLS."""

import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final, TypeVar

from engine.audit.continuation import number_of
from engine.errors import Interrupted, Refused, WireError
from engine.manifest import ChunkMap
from engine.transfer.partner import Shipment
from engine.wire.courier import Courier
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceMessage,
    Message,
    MissingMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    StatusMessage,
)
from engine.wire.routes import TRANSFERS
from engine.wire.upload import Chunk, UploadReport

WITNESS_ANSWERS: Final = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)

WITNESS_LIMIT: Final = 64 << 10
"""The most bytes of a witness's answer: signature lines, a number, or a reason."""

Answer = TypeVar("Answer", bound=Message)


class CourierPartner:
    """Implements `engine.transfer.partner.Partner` over a courier."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def offer(self, message: OfferMessage) -> AcceptanceMessage:
        """Make an offer."""
        return self._ask(AcceptanceMessage, "POST", TRANSFERS, message.body())

    def missing(self, transfer: str, chunks: ChunkMap) -> frozenset[str]:
        """Return what the partner lacks.

        Raises:
            WireError: the partner's answer is about another number of chunks.
        """
        answer = self._ask(MissingMessage, "GET", f"{TRANSFERS}/{transfer}/missing")
        distinct = chunks.distinct
        if answer.total != len(distinct):
            raise WireError(
                f"the partner counts {answer.total} chunks, the offer has {len(distinct)}",
                remedy="Tell whoever runs the partner's gateway, and send again.",
            )
        return frozenset(distinct[position].sha256 for position in answer.positions())

    def ship(self, shipment: Shipment) -> None:
        """Send chunks over several connections."""

        def progress(report: UploadReport) -> None:
            shipment.acknowledged(report.chunks, report.bytes, report.resent)

        self._courier.upload(
            shipment.transfer,
            paced(pieces(shipment), shipment.rate_limit, shipment.stop),
            cancelled=shipment.stop,
            progress=progress,
            reconnect=shipment.reconnected,
        )
        if shipment.stop.is_set():
            raise Interrupted("the transfer was told to stop", remedy="Run 'lading send' again to go on.")

    def commit(self, transfer: str) -> ReceiptMessage:
        """Say that everything was sent."""
        return self._ask(ReceiptMessage, "POST", f"{TRANSFERS}/{transfer}/commit")

    def status(self, transfer: str) -> StatusMessage:
        """Ask how the transfer stands."""
        return self._ask(StatusMessage, "GET", f"{TRANSFERS}/{transfer}")

    def evidence(self, transfer: str) -> EvidenceMessage:
        """Ask for the partner's log entries about the transfer."""
        return self._ask(EvidenceMessage, "GET", f"{TRANSFERS}/{transfer}/evidence")

    def witnessed_evidence(self, transfer: str) -> EvidenceMessage:
        """Ask for them under the checkpoint that is witnessed best."""
        return self._ask(EvidenceMessage, "GET", f"{TRANSFERS}/{transfer}/evidence/witnessed")

    def record(self, transfer: str) -> RecordMessage:
        """Ask for what the partner discloses of its decisions and checks."""
        return self._ask(RecordMessage, "GET", f"{TRANSFERS}/{transfer}/record")

    def annex(self, transfer: str, message: AnnexRequest) -> AnnexMessage:
        """Ask for what replays the partner's decisions."""
        return self._ask(AnnexMessage, "POST", f"{TRANSFERS}/{transfer}/annex", message.body())

    def agreement(self, message: AgreementMessage) -> AgreementMessage:
        """Show an agreement and the signatures held."""
        return self._ask(AgreementMessage, "POST", "/v1/agreements", message.body())

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint of the partner's log."""
        return self._courier.call("GET", "/v1/log/checkpoint").body

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """Ask the partner's witness."""
        path = "/v1/witness/add-checkpoint"
        answer = self._courier.call("POST", path, body, limit=WITNESS_LIMIT, accept=WITNESS_ANSWERS)
        return answer.status, answer.body

    def tile(self, origin: str, path: str) -> bytes:
        """Fetch a hash tile; from a gateway that knows one log only, of that one."""
        try:
            return self._courier.call("GET", f"/v1/logs/{number_of(origin) or 0}/tile/{path}").body
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND or "unknown-tile" in str(refusal.problem.get("codes", "")):
                raise
            return self._courier.call("GET", f"/v1/log/tile/{path}").body

    def _ask(self, kind: type[Answer], method: str, path: str, body: bytes = b"") -> Answer:
        return kind.parse(self._courier.call(method, path, body).body)


def pieces(shipment: Shipment) -> Iterator[Chunk]:
    """Yield each missing chunk once, with a place where it is."""
    waiting = set(shipment.missing)
    for file in shipment.chunks.files:
        offset = 0
        for chunk in file.chunks:
            if chunk.sha256 in waiting:
                waiting.discard(chunk.sha256)
                yield Chunk(chunk.sha256, chunk.size, shipment.source.place(file.path, offset, chunk.sha256))
            offset += chunk.size


def paced(chunks: Iterator[Chunk], rate_limit: float | None, stop: threading.Event) -> Iterator[Chunk]:
    """Yield chunks no faster than so many bytes per second, and no more of them once `stop` is set."""
    due = time.monotonic()
    for chunk in chunks:
        if rate_limit is not None:
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due, time.monotonic()) + chunk.size / rate_limit
        yield chunk
