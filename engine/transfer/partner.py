"""What the pipeline asks of a partner. `engine.transfer.courier` asks over mutual TLS; tests ask in process."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.manifest import ChunkMap
from engine.transfer.source import Source
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    StatusMessage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """Chunks on their way.

    Attributes:
        transfer: the transfer they belong to.
        source: where the bytes are.
        chunks: how they are cut.
        missing: digests of the chunks the partner lacks.
        rate_limit: bytes per second at most; None for as fast as it goes.
        acknowledged: called after each answer, from the calling thread, with what was acknowledged since the start
            of this shipment: chunks, bytes, and chunks that were put on the wire more than once. What it raises
            ends the shipment.
        reconnected: called before a broken connection is made again. What it raises ends the shipment.
        stop: when set, no further chunk leaves.
    """

    transfer: str
    source: Source
    chunks: ChunkMap
    missing: frozenset[str]
    rate_limit: float | None
    acknowledged: Callable[[int, int, int], None]
    reconnected: Callable[[], None]
    stop: threading.Event


class Partner(Protocol):
    """One partner's gateway.

    Every method raises `WireError` when the partner cannot be reached, and `Refused` when it says no.
    """

    def offer(self, message: OfferMessage) -> AcceptanceMessage:
        """Make an offer; the same offer again gives the same acceptance."""
        ...

    def missing(self, transfer: str, chunks: ChunkMap) -> frozenset[str]:
        """Return the digests of the chunks the partner lacks."""
        ...

    def ship(self, shipment: Shipment) -> None:
        """Send chunks.

        Raises:
            SourceChanged: a chunk is not what the manifest says; nothing of it was sent.
            Interrupted: the connection broke for good, or `stop` was set; what was acknowledged is kept.
        """
        ...

    def commit(self, transfer: str) -> ReceiptMessage:
        """Say that everything was sent, and get the delivery receipt."""
        ...

    def status(self, transfer: str) -> StatusMessage:
        """Ask how the transfer stands, and for the verdict."""
        ...

    def evidence(self, transfer: str) -> EvidenceMessage:
        """Ask for the partner's log entries about the transfer, with proofs."""
        ...

    def witnessed_evidence(self, transfer: str) -> EvidenceMessage:
        """Ask for the same under the checkpoint that this side and third parties cosigned, if the partner has one."""
        ...

    def record(self, transfer: str) -> RecordMessage:
        """Ask for what the partner discloses of its decisions and checks about the transfer."""
        ...

    def annex(self, transfer: str, message: AnnexRequest) -> AnnexMessage:
        """Ask for what replays the partner's decisions about the transfer."""
        ...

    def agreement(self, message: AgreementMessage) -> AgreementMessage:
        """Show an agreement and the signatures held; return those the partner holds."""
        ...

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint of the partner's log."""
        ...

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """Ask the partner's witness to cosign a checkpoint (C2SP tlog-witness); return status and body."""
        ...

    def tile(self, origin: str, path: str) -> bytes:
        """Fetch a hash tile of one of the partner's logs (C2SP tlog-tiles), by its path below `tile/`."""
        ...
