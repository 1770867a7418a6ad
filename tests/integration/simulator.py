"""Two organizations in one process: real keys, policies, signatures, logs, stores and journals; no TLS, no listeners.

A test can bend the line between the two (`Link.before`, `Link.after`), and can end the process of either side at any
of its durable writes (`Side.doom`), as kill -9 would: what was written stays, and nothing more is.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.audit.entry import Entry
from engine.demo.organizations import PEOPLE, PERSON
from engine.digest import sha256
from engine.errors import InputError, Interrupted, LadingError, SourceChanged
from engine.files import write_atomic
from engine.gateway.handlers import GatewayHandlers
from engine.gateway.loops import finish_arrivals
from engine.manifest import ChunkMap
from engine.signing.trust_document import fingerprint
from engine.store import read_key
from engine.transfer.courier import WITNESS_ANSWERS, CourierPartner, pieces
from engine.transfer.partner import Shipment
from engine.wire.dial import Response, demand
from engine.wire.journal import Journal
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    EvidenceMessage,
    MissingMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    StatusMessage,
)
from engine.wire.problem import Problem, ProblemError
from engine.wire.sink import JournalSink
from engine.wire.upload import Chunk
from engine.workspace.composition import gateway_parts
from engine.workspace.creation import create
from engine.workspace.dialing import Dialing
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform

FOUNDED = datetime.now(UTC)
"""When a new pair begins: now, because Sigstore's client checks tokens by the clock of the machine."""
TICK = timedelta(milliseconds=10)
ACME, BOREALIS = "acme.example", "borealis.example"


class Clock:
    """A clock that goes on a little each time it is asked, and a lot when it is told to."""

    def __init__(self, now: datetime = FOUNDED) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += TICK
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class Crash(BaseException):
    """The process is gone, as after kill -9."""


@dataclass
class Doom:
    """Ends a process at one of its durable writes.

    Attributes:
        at: which one, counted from 1; 0 for none.
        afterwards: whether the write is done before the end.
        writes: the names of all writes so far.
        dead: True from the end until the process is started again; nothing is written meanwhile.
    """

    at: int = 0
    afterwards: bool = False
    writes: list[str] = field(default_factory=list)
    dead: bool = False

    def guard(self, owner: object, name: str) -> None:
        """Count the calls of a method of one object, and end at the one that is doomed."""
        write = getattr(owner, name)

        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Crash
            self.writes.append(f"{type(owner).__name__}.{name}")
            self.dead = len(self.writes) == self.at
            if self.dead and not self.afterwards:
                raise Crash
            result = write(*arguments, **named)
            if self.dead:
                raise Crash
            return result

        setattr(owner, name, guarded)


class Linked(Dialing):
    """Reaches partners by links instead of a network."""

    def __init__(self, office: Office, links: "Mapping[str, Link]") -> None:
        super().__init__(office.layout, office.settings, office.trust, office.clock)
        self._links = links
        self._known = office.trust

    def partner(self, organization: str) -> CourierPartner:
        self._known.partner(organization)
        return self._links[organization]  # type: ignore[return-value]  # as the protocol `Partner` has it


class Side:
    """One organization: its office, and what answers its partners.

    Attributes:
        links: how it reaches each partner.
        doom: when its process ends.
    """

    def __init__(self, home: Path, org: str, region: str, people: Mapping[str, str], clock: Clock) -> None:
        self.home, self.org, self.clock = home, org, clock
        self.admin = next(iter(people))
        self.links: dict[str, Link] = {}
        self.doom = Doom()
        made = create(home, org=org, name=org, region=region, admin=self.admin, clock=clock)
        self.open()
        if not made["existed"]:
            self.employ(people)

    def open(self) -> None:
        """Start the process."""
        self.stop = threading.Event()
        self.office = Office(Layout(self.home), self.clock)
        self.office.dialing = Linked(self.office, self.links)
        self.journal = Journal(self.office.layout.gateway_database, self.clock)
        self.parts = gateway_parts(self.office, self.journal)
        self.handlers = GatewayHandlers(self.parts, lambda _: None)
        layout = self.office.layout
        self.sink = JournalSink(self.journal, layout.store, read_key(layout.keys / "store-names.key"))
        self.doom.dead = False
        for owner, names in (
            (self.office.log, ("record_many",)),
            (self.office.outgoing, ("add", "save")),
            (self.office.incoming, ("add", "save")),
            (self.office.registry, ("add_received", "set_state")),
            (self.journal, ("create", "set_state", "forget")),
        ):
            for name in names:
                self.doom.guard(owner, name)

    def close(self) -> None:
        """End the process."""
        self.journal.close()
        self.office.__exit__()

    def restart(self) -> None:
        """End the process and start it again; what it had in memory is gone."""
        self.close()
        self.open()

    def employ(self, people: Mapping[str, str]) -> None:
        """Describe people by their roles, and issue the trust document that names them."""
        training = self.clock().replace(year=self.clock().year + 1).strftime("%FT%TZ")
        entries = "".join(
            PERSON.format(name=name, org=self.org, roles=roles, training=training) for name, roles in people.items()
        )
        write_atomic(self.home / "directory.yaml", PEOPLE.format(people=entries, org=self.org).encode())
        self.ask("trust.issue")

    def ask(
        self, operation: str, *, who: str | None = None, progress: Callable[[Any], None] | None = None, **params: Any
    ) -> Any:
        """Perform an operation as one of its people, the first one if nobody is named."""
        call = Call(self.office.mint(who or self.admin), params, progress or (lambda _: None), self.stop)
        return perform(self.office, operation, call)

    def work(self) -> None:
        """Do what the gateway's loop does after a commit."""
        finish_arrivals(self.parts)

    def log_of(self, transfer: str) -> list[str]:
        """Return the types of a transfer's log entries, in order."""
        return [entry.type for entry in self.office.log.of_transfer(transfer)]

    def payload_of(self, transfer: str, kind: str) -> Any:
        """Return the payload of a transfer's only log entry of a type."""
        [entry] = [each for each in self.office.log.of_transfer(transfer) if each.type == kind]
        return entry.payload

    def entries(self, kind: str) -> list[Entry]:
        """Return the log's entries of a type."""
        log = self.office.log
        return [each for each in map(log.entry, range(log.size)) if each.type == kind]


def _nothing(_: str) -> None:
    """Let a request pass."""


class Link:
    """Implements `engine.transfer.partner.Partner` by calling the other side's handlers.

    Attributes:
        asked: the name of every request that set out, in order: `offer`, `chunk`, `commit` and so on.
        before: called with a request's name before it arrives; what it raises, the sender sees instead.
        after: as `before`, once it was answered: the answer is lost.
        retries: how often a chunk is sent again, over a new connection, before the line is given up.
        breaks_after: how many chunks get through before the line breaks, once; None for all.
        failures: what went wrong inside the other side, which a partner would see as status 500.
    """

    def __init__(self, us: str, other: Side) -> None:
        self._us = us
        self._other = other
        self.asked: list[str] = []
        self.before: Callable[[str], None] = _nothing
        self.after: Callable[[str], None] = _nothing
        self.retries = 0
        self.breaks_after: int | None = None
        self.failures: list[LadingError] = []

    def offer(self, message: OfferMessage) -> AcceptanceMessage:
        sent = OfferMessage.parse(message.body())
        return self._ask("offer", lambda: self._other.handlers.offer(self._us, sent, "127.0.0.1").message)

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

    def record(self, transfer: str) -> RecordMessage:
        return self._ask("record", lambda: self._other.handlers.record(self._us, transfer))

    def agreement(self, message: AgreementMessage) -> AgreementMessage:
        sent = AgreementMessage.parse(message.body())
        return self._ask("agreement", lambda: self._other.handlers.agreement(self._us, sent))

    def checkpoint(self) -> bytes:
        return self._answer("checkpoint", lambda: self._other.handlers.checkpoint(self._us))

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        status, answer = self._answer("witness", lambda: self._other.handlers.add_checkpoint(self._us, body))
        assert status in WITNESS_ANSWERS
        return status, answer

    def tile(self, path: str) -> bytes:
        def answer() -> bytes:
            found = self._other.handlers.tile(self._us, path)
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


def breaks() -> None:
    """What happens to a line that breaks."""
    raise broken()


class PartnerSimulator:
    """Acme and Borealis, confirmed partners with an agreement in force.

    Args:
        folder: where both workspaces are, or will be made.
        agreement: a file; what both agree on when they are made.
        clock: the time for both.
    """

    def __init__(self, folder: Path, agreement: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        acme = {
            "ada": "administrator, operator",
            "abe": "approver, administrator",
            "olga": "operator",
            "sec": "security, sender",
            "eve": "security",
        }
        self.acme = Side(folder / "acme", ACME, "EU", acme, self.clock)
        self.borealis = Side(folder / "borealis", BOREALIS, "US", {"bea": "administrator, operator"}, self.clock)
        self.link = self.acme.links[BOREALIS] = Link(ACME, self.borealis)
        self.back = self.borealis.links[ACME] = Link(BOREALIS, self.acme)
        for ours, theirs in ((self.acme, self.borealis), (self.borealis, self.acme)):
            if theirs.org not in ours.office.trust.partners():
                self._introduce(ours, theirs)
        self.agreement = self.agree(agreement)

    def agree(self, file: Path) -> str:
        """Have both sides sign an agreement; return its digest."""
        proposed = self.acme.ask("agreement.propose", file=str(file))
        if not proposed["in_force"]:
            self.acme.ask("agreement.sign", ref=proposed["digest"])
            self.borealis.ask("agreement.sign", ref=proposed["digest"])
        return str(proposed["digest"])

    def send(
        self, artifact: str, *, who: str | None = None, progress: Callable[[Any], None] | None = None, **more: Any
    ) -> Any:
        """Have Acme send an artifact to Borealis, for evaluation unless told otherwise."""
        wish = {"artifact": artifact, "partner": BOREALIS, "agreement": self.agreement, "purpose": "evaluation"}
        return self.acme.ask("transfer.send", who=who, progress=progress, **(wish | more))

    def close(self) -> None:
        """End both processes."""
        self.acme.close()
        self.borealis.close()

    @staticmethod
    def _introduce(ours: Side, theirs: Side) -> None:
        file = theirs.office.layout.trust / "own" / "trust.json"
        ours.ask("partner.add", file=str(file))
        shown = fingerprint(theirs.office.trust.own())
        ours.ask("partner.confirm", organization=theirs.org, fingerprint=shown)
