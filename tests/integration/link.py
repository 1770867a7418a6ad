"""The line between two sides of a simulated handoff: every request on it can be bent, broken or led elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.audit.continuation import number_of
from engine.digest import sha256
from engine.errors import InputError, Interrupted, LadingError, SourceChanged
from engine.manifest import ChunkMap
from engine.transfer.courier import WITNESS_ANSWERS, pieces
from engine.transfer.partner import Shipment
from engine.wire.dial import Response, demand
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceMessage,
    MissingMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    StatusMessage,
)
from engine.wire.problem import Problem, ProblemError
from engine.wire.upload import Chunk

if TYPE_CHECKING:
    from tests.integration.simulator import Side


class Crash(BaseException):
    """The process is gone, as after kill -9."""


def _nothing(_: str) -> None:
    """Let a request pass."""


class Link:
    """Implements `engine.transfer.partner.Partner` by calling the other side's handlers.

    Attributes:
        address: where the other side is reached now.
        source: where the other side sees its caller.
        asked: the name of every request that set out, in order: `offer`, `chunk`, `commit` and so on.
        before: called with a request's name before it arrives; what it raises, the sender sees instead.
        after: as `before`, once it was answered: the answer is lost.
        retries: how often a chunk is sent again, over a new connection, before the line is given up.
        breaks_after: how many chunks get through before the line breaks, once; None for all.
        failures: what went wrong inside the other side, which a partner would see as status 500.
    """

    def __init__(self, us: str, other: "Side") -> None:
        self._us = us
        self._other = other
        self.address = self.source = "127.0.0.1"
        self.asked: list[str] = []
        self.before: Callable[[str], None] = _nothing
        self.after: Callable[[str], None] = _nothing
        self.retries = 0
        self.breaks_after: int | None = None
        self.failures: list[LadingError] = []

    def offer(self, message: OfferMessage) -> AcceptanceMessage:
        sent = OfferMessage.parse(message.body())
        return self._ask("offer", lambda: self._other.handlers.offer(self._us, sent, self.source).message)

    def missing(self, transfer: str, chunks: ChunkMap) -> frozenset[str]:
        answer: MissingMessage = self._ask("missing", lambda: self._other.handlers.missing(self._us, transfer))
        assert answer.total == len(chunks.distinct)
        return frozenset(chunks.distinct[place].sha256 for place in answer.positions())

    def ship(self, shipment: Shipment) -> None:
        size = resent = 0
        for number, chunk in enumerate(pieces(shipment)):
            if shipment.stop.is_set():
                raise broken()
            if self.breaks_after == number:
                self.breaks_after = None
                raise broken()
            resent += self._bring(shipment, chunk)
            size += chunk.size
            shipment.acknowledged(number + 1, size, resent)

    def commit(self, transfer: str) -> ReceiptMessage:
        return self._ask("commit", lambda: self._other.handlers.commit(self._us, transfer))

    def status(self, transfer: str) -> StatusMessage:
        def answer() -> StatusMessage:
            self._other.work()
            return self._other.handlers.status(self._us, transfer)

        return self._ask("status", answer)

    def evidence(self, transfer: str) -> EvidenceMessage:
        return self._ask("evidence", lambda: self._other.handlers.evidence(self._us, transfer))

    def witnessed_evidence(self, transfer: str) -> EvidenceMessage:
        return self._ask("witnessed", lambda: self._other.handlers.witnessed_evidence(self._us, transfer))

    def record(self, transfer: str) -> RecordMessage:
        return self._ask("record", lambda: self._other.handlers.record(self._us, transfer))

    def annex(self, transfer: str, message: AnnexRequest) -> AnnexMessage:
        sent = AnnexRequest.parse(message.body())
        return self._ask("annex", lambda: self._other.handlers.annex(self._us, transfer, sent))

    def agreement(self, message: AgreementMessage) -> AgreementMessage:
        sent = AgreementMessage.parse(message.body())
        return self._ask("agreement", lambda: self._other.handlers.agreement(self._us, sent))

    def checkpoint(self) -> bytes:
        return self._answer("checkpoint", lambda: self._other.handlers.checkpoint(self._us))

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        status, answer = self._answer("witness", lambda: self._other.handlers.add_checkpoint(self._us, body))
        assert status in WITNESS_ANSWERS
        return status, answer

    def tile(self, origin: str, path: str) -> bytes:
        def answer() -> bytes:
            found = self._other.handlers.tile(self._us, path, number_of(origin))
            if found is None:
                raise ProblemError(404, "No such tile", codes=("unknown-tile",))
            return found

        return self._answer("tile", answer)

    def _bring(self, shipment: Shipment, chunk: Chunk) -> int:
        """Bring one chunk; return how often it was sent again."""
        data = memoryview(bytearray(chunk.size))
        if chunk.place.read(data) != chunk.size or sha256(data) != chunk.sha256:
            raise SourceChanged(f"{chunk.place} is not what was offered", remedy="Pack it again.")
        for retry in range(self.retries + 1):
            try:
                self._answer("chunk", lambda: self._keep(shipment.transfer, chunk, data))
            except Interrupted:
                if retry == self.retries:
                    raise
                shipment.reconnected()
            else:
                return retry
        raise AssertionError

    def _keep(self, transfer: str, chunk: Chunk, data: bytes) -> None:
        incoming = self._other.sink.admit(self._us, transfer)
        if self._other.sink.wanted(incoming, [(chunk.sha256, chunk.size)]):
            self._other.sink.keep(incoming, [(chunk.sha256, memoryview(data))])

    def _ask(self, name: str, ask: Callable[[], Any]) -> Any:
        answer = self._answer(name, ask)
        return type(answer).parse(answer.body())

    def _answer(self, name: str, ask: Callable[[], Any]) -> Any:
        """Have the other side answer, and turn its refusals into what a client sees of them."""
        self.asked.append(name)
        self.before(name)
        try:
            answer = ask()
        except ProblemError as error:
            raise _refusal(error.problem, self._other.org) from None
        except InputError as error:
            problem = Problem(status=400, title="Not what was expected", detail=str(error), codes=("unreadable",))
            raise _refusal(problem, self._other.org) from None
        except LadingError as error:
            self.failures.append(error)
            raise _refusal(Problem(status=500, title="This gateway failed"), self._other.org) from None
        except Crash:
            self._other.restart()
            raise broken() from None
        self.after(name)
        return answer


@dataclass(frozen=True)
class Dialled:
    """A link as somebody dials it: for each request anew, after `admits` was told the address it reaches."""

    link: Link
    admits: Callable[[str], None]

    def __getattr__(self, name: str) -> Any:
        self.admits(self.link.address)
        return getattr(self.link, name)


def _refusal(problem: Problem, organization: str) -> LadingError:
    try:
        demand(Response(problem.status, problem.body()), organization, ())
    except LadingError as error:
        return error
    raise AssertionError


def broken() -> Interrupted:
    """Return what a sender sees of a line that broke."""
    return Interrupted("the line broke", remedy="Send again.")


def at(name: str, number: int, happens: Callable[[], None]) -> Callable[[str], None]:
    """Return a hook for a link: something happens at the so-and-so-manieth request of a name, counted from 1."""
    seen: list[str] = []

    def hook(request: str) -> None:
        seen.append(request)
        if request == name and seen.count(name) == number:
            happens()

    return hook
