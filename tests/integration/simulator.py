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

import pytest

from engine.audit.entry import Entry
from engine.demo.organizations import PEOPLE, PERSON
from engine.errors import Interrupted
from engine.files import write_atomic
from engine.gateway.handlers import GatewayHandlers
from engine.gateway.loops import finish_arrivals
from engine.gateway.refusals import Refusals
from engine.signing.trust_document import fingerprint
from engine.store import read_key
from engine.transfer.courier import CourierPartner
from engine.transfer.network import anywhere
from engine.wire.journal import Journal
from engine.wire.sink import JournalSink
from engine.workspace.composition import gateway_parts
from engine.workspace.creation import create
from engine.workspace.dialing import Dialing
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform
from tests.integration.link import Crash, Dialled, Link

TICK = timedelta(milliseconds=1)
ACME, BOREALIS = "acme.example", "borealis.example"


class Clock:
    """A clock that goes on a little each time it is asked, and a lot when it is told to.

    It begins when it is made: Sigstore's client checks tokens, which last minutes, by the clock of the machine.
    """

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.now += TICK
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


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

    def __init__(self, office: Office, links: Mapping[str, Link]) -> None:
        super().__init__(office.layout, office.settings, office.trust, office.clock)
        self._links = links
        self._known = office.trust
        self._zones = office.settings.zones

    def partner(self, organization: str, admits: Callable[[str], None] = anywhere) -> CourierPartner:
        self._known.partner(organization)
        link = self._links[organization]
        # As the protocol `Partner` has it.
        return Dialled(link, lambda address: admits(self._zones.of(address)))  # type: ignore[return-value]


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
        self.refusals = Refusals(self.parts, lambda: self.clock().timestamp())
        self.handlers = GatewayHandlers(self.parts, lambda _: None, self.refusals)
        layout = self.office.layout
        self.sink = JournalSink(self.journal, layout.store, read_key(layout.keys / "store-names.key"))
        self.doom.dead = False
        for owner, names in (
            (self.office.log, ("record_many",)),
            (self.office.outgoing, ("add", "save", "keep")),
            (self.office.tickets, ("add", "change")),
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

    def break_off(self, artifact: str, *, chunks: int) -> str:
        """Have Acme send an artifact, and the line break after some chunks; return the transfer's id."""
        self.link.breaks_after = chunks
        with pytest.raises(Interrupted):
            self.send(artifact, patience=0)
        [transfer] = self.borealis.office.incoming.all()
        return transfer.id

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
