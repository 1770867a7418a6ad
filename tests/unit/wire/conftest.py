"""Builders: Borealis' gateway with real processes and a real store, and partners with their own certificates."""

import http.client
import itertools
import json
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.events import Clock, system_clock
from engine.store import FileKeySource, Scope, Store
from engine.wire.authority import GatewayCA, Leaf, gateway_id
from engine.wire.config import Limits, ListenerConfig
from engine.wire.control import Accepted, control_app
from engine.wire.courier import Courier
from engine.wire.dial import Partner
from engine.wire.journal import Journal, State
from engine.wire.listeners import Listeners
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceEntry,
    EvidenceMessage,
    MissingMessage,
    OfferMessage,
    OpenedMessage,
    ReceiptMessage,
    RecordMessage,
    Refusal,
    RefusalsMessage,
    StatusMessage,
)
from engine.wire.server import UnixServer
from engine.wire.tls import client_context, peer_organization
from engine.wire.unix import UnixConnection
from engine.wire.upload import Chunk, FilePlace
from tests.unit.wire.flaky import Flaky

LIFE = timedelta(minutes=15)
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Organization:
    """An organization's certificate authority, and the certificates its gateway shows."""

    name: str
    authority: GatewayCA

    @classmethod
    def new(cls, name: str, clock: Clock = system_clock) -> "Organization":
        return cls(name, GatewayCA.create(name, clock))

    def leaf(self, name: str | None = None) -> Leaf:
        """Return a certificate for this organization's gateway, or for whatever name is given."""
        return self.authority.issue_leaf(gateway_id(name or self.name), LIFE)

    @property
    def bundle(self) -> tuple[str, ...]:
        return (self.authority.certificate,)


@dataclass
class Desk:
    """Borealis' handlers: they keep what they were asked, and answer from what a test put there."""

    journal: Journal
    asked: list[tuple[str, str, object]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def offer(self, peer: str, message: OfferMessage, address: str) -> Accepted:
        self.addresses.append(address)
        self._note("offer", peer, message)
        transfer = "tr-" + digest(message.manifest.encode())[:24]
        known = self.asked.count(("offer", peer, message)) > 1
        return Accepted(AcceptanceMessage(transfer=transfer, acceptance={"by": peer}, checkpoint="note"), known)

    def missing(self, peer: str, transfer: str) -> MissingMessage:
        self._note("missing", peer, transfer)
        return MissingMessage.of(self.journal.missing(transfer))

    def commit(self, peer: str, transfer: str) -> ReceiptMessage:
        self._note("commit", peer, transfer)
        return ReceiptMessage(receipt={"of": transfer}, checkpoint="note")

    def status(self, peer: str, transfer: str) -> StatusMessage:
        self._note("status", peer, transfer)
        return StatusMessage(transfer=transfer, state="validating")

    def evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        self._note("evidence", peer, transfer)
        entry = EvidenceEntry(index=7, leaf="bGVhZg==", proof=("AAAA",))
        return EvidenceMessage(organization="borealis.example", checkpoint="note", entries=(entry,))

    def witnessed_evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        self._note("witnessed_evidence", peer, transfer)
        return EvidenceMessage(organization="borealis.example", checkpoint="note", entries=())

    def record(self, peer: str, transfer: str) -> RecordMessage:
        self._note("record", peer, transfer)
        opened = OpenedMessage(index=7, salt="AAAA", payload="{}")
        return RecordMessage(organization="borealis.example", openings=(opened,), statements={})

    def annex(self, peer: str, transfer: str, message: AnnexRequest) -> AnnexMessage:
        self._note("annex", peer, (transfer, message))
        return AnnexMessage(organization="borealis.example", encryption="none", plaintext="0" * 64, annex="AAAA")

    def agreement(self, peer: str, message: AgreementMessage) -> AgreementMessage:
        self._note("agreement", peer, message)
        return message

    def add_checkpoint(self, peer: str, body: bytes) -> tuple[int, bytes]:
        self._note("add_checkpoint", peer, body)
        status, answer = self.answers.get("add_checkpoint", (200, b"cosigned\n"))
        return status, answer

    def checkpoint(self, peer: str) -> bytes:
        self._note("checkpoint", peer, None)
        return b"borealis.example/lading/audit/1\n0\n"

    def tile(self, peer: str, path: str, log: int | None = None) -> bytes | None:
        self._note("tile", peer, path)
        of = "" if log is None else f" of log {log}"
        return f"tile {path}{of}".encode() if path.startswith("0/") else None

    def trust(self, peer: str) -> bytes:
        self._note("trust", peer, None)
        return b"{}"

    def refused(self, message: RefusalsMessage) -> None:
        if (hook := self.answers.get("refused")) is not None:
            hook()
        self.refusals += message.refusals

    def _note(self, what: str, peer: str, subject: object) -> None:
        self.asked.append((what, peer, subject))
        answer = self.answers.get(what)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer()


@dataclass
class Gateway:
    """Borealis' gateway, listening."""

    url: str
    organization: Organization
    config: ListenerConfig
    listeners: Listeners
    desk: Desk
    store: Store
    scope: Scope
    owner: UnixServer
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def expect(self, chunks: Sequence[bytes], *, peer: str = "acme.example", agreement: str = "a" * 64) -> str:
        """Accept an offer of these chunks, and return its id."""
        transfer = f"tr-{next(self.numbers):024x}"
        self.journal.create(
            transfer,
            peer=peer,
            agreement=agreement,
            scope_public=self.scope.public,
            chunks=[(digest(chunk), len(chunk)) for chunk in chunks],
        )
        return transfer

    @property
    def journal(self) -> Journal:
        return self.desk.journal

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def revoke(self, transfer: str) -> None:
        self.journal.set_state(transfer, State.REVOKED)

    def holds(self, content: bytes) -> bool:
        """Say whether exactly these bytes can be read from the store."""
        sha256 = digest(content)
        return self.store.has(self.scope, sha256) and self.store.read(self.scope, sha256) == content

    def partner(self, leaf: Leaf, *, url: str | None = None, bundle: Sequence[str] | None = None) -> Partner:
        """Return the gateway as somebody with this certificate dials it."""
        pinned = self.organization.bundle if bundle is None else bundle
        return Partner(
            self.organization.name,
            url or self.url,
            pinned,
            lambda: client_context(leaf, pinned),
            system_clock,
            lambda _: None,
        )

    def ask_owner(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Ask the owner as a listener does."""
        with closing(UnixConnection(self.config.owner_socket, timeout=20)) as connection:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()

    def courier(self, sender: Organization, *, name: str | None = None) -> Courier:
        """Return a courier of `sender` to this gateway, with a certificate for whatever name is given."""
        return Courier(self.partner(sender.leaf(name)))


@dataclass
class Caller:
    """A TLS connection without a client that minds its manners."""

    tls: ssl.SSLSocket

    def __post_init__(self) -> None:
        self._incoming = self.tls.makefile("rb")

    def say(self, data: bytes) -> "Caller":
        self.tls.sendall(data)
        return self

    def hear(self) -> tuple[int, dict[str, Any]]:
        """Read one answer; return its status, and its body if that is a problem."""
        status_line = self._incoming.readline()
        headers = http.client.parse_headers(self._incoming)
        body = self._incoming.read(int(headers.get("Content-Length", "0")))
        is_problem = headers.get_content_type() == "application/problem+json"
        return int(status_line.split()[1]), json.loads(body) if is_problem else {}

    def ask(self, head: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Send one request, and read its answer."""
        return self.say(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body).hear()

    def is_dropped(self) -> bool:
        """Say whether the other side closed the connection without another word."""
        try:
            return self._incoming.read(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    def reset(self) -> None:
        """Go away the rude way, with a TCP reset."""
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tls.close()


OpenGateway = Callable[..., Gateway]


@pytest.fixture(scope="session")
def acme() -> Organization:
    return Organization.new("acme.example")


@pytest.fixture(scope="session")
def cirrus() -> Organization:
    """Another partner of Borealis."""
    return Organization.new("cirrus.example")


@pytest.fixture(scope="session")
def borealis() -> Organization:
    return Organization.new("borealis.example")


@pytest.fixture(scope="session")
def open_gateway(
    tmp_path_factory: pytest.TempPathFactory, acme: Organization, cirrus: Organization, borealis: Organization
) -> Iterator[OpenGateway]:
    """Open gateways of Borealis, each with its own limits; all are closed at the end."""
    open_things = ExitStack()

    def build(*, count: int = 1, limits: Limits = DEFAULT_LIMITS) -> Gateway:
        state = tmp_path_factory.mktemp("state")
        keys = FileKeySource.create(tmp_path_factory.mktemp("keys"))
        store = Store(state / "store", keys)
        journal = Journal(state / "gateway.db", system_clock)
        open_things.callback(journal.close)
        config = ListenerConfig(
            leaf=borealis.leaf(),
            bundles={acme.name: acme.bundle, cirrus.name: cirrus.bundle},
            store=state / "store",
            names_key=keys.names_key,
            journal=state / "gateway.db",
            owner_socket=state / "wire.sock",
            limits=limits,
        )

        def peer_of(der: bytes) -> str:
            return peer_organization(der, config.bundles, system_clock())

        desk = Desk(journal)
        owner = UnixServer(config.owner_socket, control_app(desk, peer_of))
        owner.start()
        open_things.callback(owner.stop)
        listening = socket.create_server(("127.0.0.1", 0))
        open_things.callback(listening.close)
        listeners = Listeners(listening, config, count=count)
        listeners.start()
        open_things.callback(listeners.stop)
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        return Gateway(url, borealis, config, listeners, desk, store, store.open_scope("a" * 64), owner)

    with open_things:
        yield build


@pytest.fixture(scope="session")
def gateway(open_gateway: OpenGateway) -> Gateway:
    """One gateway with two listener processes, for every test that leaves it as it was."""
    return open_gateway(count=2)


@pytest.fixture
def dial() -> Iterator[Callable[[Gateway, Leaf], Caller]]:
    """Open a connection to say anything on; it is closed after the test."""
    with ExitStack() as stack:

        def connect(gateway: Gateway, leaf: Leaf) -> Caller:
            context = client_context(leaf, gateway.organization.bundle)
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=20))
            return Caller(stack.enter_context(context.wrap_socket(plain)))

        yield connect


@pytest.fixture
def source(tmp_path: Path) -> Callable[[Sequence[bytes]], list[Chunk]]:
    """Write chunks into one file, and return where they are."""

    def write(contents: Sequence[bytes]) -> list[Chunk]:
        path = tmp_path / f"source-{secrets.token_hex(4)}"
        path.write_bytes(b"".join(contents))
        offsets = itertools.accumulate((len(content) for content in contents), initial=0)
        return [
            Chunk(digest(content), len(content), FilePlace(path, offset))
            for content, offset in zip(contents, offsets, strict=False)
        ]

    return write


@pytest.fixture
def never() -> threading.Event:
    """Nobody cancels."""
    return threading.Event()


@pytest.fixture
def flaky() -> Iterator[Callable[..., Flaky]]:
    """Put a network that breaks connections before a port."""
    with ExitStack() as stack:

        def build(target: int, *, breaks: int, after: int) -> Flaky:
            network = Flaky(target, breaks, after)
            stack.callback(network.close)
            return network

        yield build


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
