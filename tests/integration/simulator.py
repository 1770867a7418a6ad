"""Two organizations in one process: real keys, policies, signatures, logs and stores; only the wire is left out."""

import json
import threading
from pathlib import Path
from typing import Any

from engine.errors import Interrupted, Refused
from engine.events import system_clock
from engine.gateway.arrival import judge_arrival
from engine.gateway.handlers import GatewayHandlers
from engine.manifest import ChunkMap
from engine.signing.trust_document import fingerprint
from engine.store import read_key
from engine.transfer.courier import pieces
from engine.transfer.partner import Shipment
from engine.wire.journal import Incoming, Journal
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    EvidenceMessage,
    OfferMessage,
    ReceiptMessage,
    StatusMessage,
)
from engine.wire.problem import ProblemError
from engine.wire.sink import JournalSink
from engine.wire.upload import Chunk
from engine.workspace.composition import gateway_parts
from engine.workspace.creation import create
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform


class Side:
    """One organization: its office and what answers partners."""

    def __init__(self, home: Path, org: str, region: str, admin: str) -> None:
        create(home, org=org, name=org, region=region, admin=admin)
        self.admin = admin
        self.stop = threading.Event()
        self.office = Office(Layout(home))
        self.journal = Journal(self.office.layout.gateway_database, system_clock)
        self.parts = gateway_parts(self.office, self.journal)
        self.handlers = GatewayHandlers(self.parts, self._arrived)
        layout = self.office.layout
        self.sink = JournalSink(self.journal, layout.store, read_key(layout.keys / "store-names.key"))

    def ask(self, operation: str, **params: Any) -> Any:
        call = Call(self.office.mint(self.admin), params, lambda _: None, self.stop)
        return perform(self.office, operation, call)

    def _arrived(self, transfer: str) -> None:
        found = self.parts.table.find(transfer)
        assert found is not None
        judge_arrival(self.parts, found)

    def close(self) -> None:
        self.journal.close()
        self.office.__exit__()


class Link:
    """Implements `engine.transfer.partner.Partner` by calling the other side's handlers.

    Attributes:
        breaks_after: how many chunks get through before the line breaks; None for all.
    """

    def __init__(self, us: str, other: Side) -> None:
        self._us = us
        self._other = other
        self.breaks_after: int | None = None

    def offer(self, message: OfferMessage) -> AcceptanceMessage:
        return self._answer(lambda: self._other.handlers.offer(self._us, message)).message

    def missing(self, transfer: str, chunks: ChunkMap) -> frozenset[str]:
        answer = self._answer(lambda: self._other.handlers.missing(self._us, transfer))
        return frozenset(chunks.distinct[place].sha256 for place in answer.positions())

    def ship(self, shipment: Shipment) -> None:
        incoming = self._answer(lambda: self._other.sink.admit(self._us, shipment.transfer))
        size = 0
        for number, chunk in enumerate(pieces(shipment)):
            if self.breaks_after == number:
                self.breaks_after = None
                raise Interrupted("the line broke", remedy="Send again.")
            self._keep(incoming, chunk)
            size += chunk.size
            shipment.acknowledged(number + 1, size, 0)

    def _keep(self, incoming: Incoming, chunk: Chunk) -> None:
        data = chunk.path.read_bytes()[chunk.offset : chunk.offset + chunk.size]
        self._answer(lambda: self._other.sink.keep(incoming, [(chunk.sha256, memoryview(data))]))

    def commit(self, transfer: str) -> ReceiptMessage:
        return self._answer(lambda: self._other.handlers.commit(self._us, transfer))

    def status(self, transfer: str) -> StatusMessage:
        return self._answer(lambda: self._other.handlers.status(self._us, transfer))

    def evidence(self, transfer: str) -> EvidenceMessage:
        return self._answer(lambda: self._other.handlers.evidence(self._us, transfer))

    def agreement(self, message: AgreementMessage) -> AgreementMessage:
        return self._answer(lambda: self._other.handlers.agreement(self._us, message))

    def checkpoint(self) -> bytes:
        return self._other.handlers.checkpoint(self._us)

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        return self._other.handlers.add_checkpoint(self._us, body)

    def tile(self, path: str) -> bytes:
        return self._other.handlers.tile(self._us, path) or b""

    def _answer(self, ask: Any) -> Any:
        try:
            return ask()
        except ProblemError as error:
            problem = json.loads(error.problem.body())
            raise Refused(error.problem.title, remedy="", status=error.problem.status, problem=problem) from None


class PartnerSimulator:
    """Acme and Borealis, confirmed partners with an agreement in force."""

    def __init__(self, folder: Path, agreement: Path) -> None:
        self.acme = Side(folder / "acme", "acme.example", "EU", "ada")
        self.borealis = Side(folder / "borealis", "borealis.example", "US", "bea")
        self.link = Link("acme.example", self.borealis)
        self._connect(self.acme, self.borealis, self.link)
        self._connect(self.borealis, self.acme, Link("borealis.example", self.acme))
        self.acme.ask("agreement.propose", file=str(agreement))
        self.agreement = self.acme.ask("agreement.sign", ref="acme-borealis-evaluation")["digest"]
        self.borealis.ask("agreement.sign", ref=self.agreement)

    def send(self, root: str, **more: Any) -> Any:
        wish = {"artifact": root, "partner": "borealis.example", "agreement": self.agreement, "purpose": "evaluation"}
        return self.acme.ask("transfer.send", **(wish | more))

    def close(self) -> None:
        self.acme.close()
        self.borealis.close()

    @staticmethod
    def _connect(ours: Side, theirs: Side, link: Link) -> None:
        file = theirs.office.layout.trust / "own" / "trust.json"
        ours.ask("partner.add", file=str(file))
        shown = fingerprint(theirs.office.trust.own())
        ours.ask("partner.confirm", organization=theirs.office.organization, fingerprint=shown)
        ours.office.partner = lambda _: link  # type: ignore[method-assign,assignment,return-value]
