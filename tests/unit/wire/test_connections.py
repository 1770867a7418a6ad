"""How many connections there may be, whose they are, and how they end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from engine.events import system_clock
from engine.wire.config import Limits
from engine.wire.connections import Connections
from engine.wire.problem import ProblemError


class Line(asyncio.Transport):
    """A connection whose handshake is done, as the event loop hands it over."""

    def __init__(self, organization: Any) -> None:
        super().__init__()
        leaf = x509.load_pem_x509_certificate(organization.leaf().certificate.encode())
        self._der = leaf.public_bytes(Encoding.DER)
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" else default

    def getpeercert(self, *, binary_form: bool) -> bytes:
        return self._der if binary_form else b""

    def close(self) -> None:
        self.closed = True

    abort = close


class Inner(asyncio.Protocol):
    """The protocol inside, which notes what reaches it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in {"heard", "__class__"}:
            return super().__getattribute__(name)
        return lambda *_: self.heard.append(name)


@pytest.fixture
def now() -> list[Any]:
    return [system_clock()]


@pytest.fixture
def refused() -> list[str]:
    """Why peers were refused, in order."""
    return []


@pytest.fixture
def connections(acme: Any, cirrus: Any, now: list[Any], refused: list[str]) -> Connections:
    bundles = {acme.name: acme.bundle, cirrus.name: cirrus.bundle}
    limits = Limits(connections=3, connections_per_peer=2)
    return Connections(bundles, limits, lambda: now[0], lambda cause, _: refused.append(cause))


def test_a_certificate_that_expires_on_an_open_connection_is_noticed(
    connections: Connections, acme: Any, now: list[Any], refused: list[str]
) -> None:
    line = Line(acme)
    assert connections.admit(line)
    assert connections.peer(line).organization == "acme.example"
    assert refused == []
    now[0] += timedelta(minutes=16)
    with pytest.raises(ProblemError) as refusal:
        connections.peer(line)
    assert refusal.value.problem.codes == ("untrusted-peer",)
    assert refused == ["expired"]


def test_each_peer_and_all_of_them_have_a_limit(connections: Connections, acme: Any, cirrus: Any) -> None:
    lines = [Line(acme), Line(acme), Line(acme), Line(cirrus), Line(cirrus)]
    assert [connections.admit(line) for line in lines] == [True, True, False, True, False]
    connections.dismiss(lines[0])
    assert connections.admit(lines[2])


def test_a_connection_without_room_says_nothing_to_the_server(connections: Connections, acme: Any) -> None:
    for _ in range(2):
        connections.admit(Line(acme))
    inner, line = Inner(), Line(acme)
    protocol = connections.guarded(lambda: inner)
    protocol.connection_made(line)
    protocol.data_received(b"GET / HTTP/1.1\r\n\r\n")
    protocol.eof_received()
    protocol.connection_lost(None)
    assert (line.closed, inner.heard) == (True, [])


def test_everything_else_reaches_the_server(connections: Connections, acme: Any) -> None:
    inner, line = Inner(), Line(acme)
    protocol: Any = connections.guarded(lambda: inner)
    protocol.connection_made(line)
    protocol.pause_writing()
    protocol.resume_writing()
    protocol.data_received(b"x")
    protocol.eof_received()
    protocol.connection_lost(None)
    assert inner.heard == [
        "connection_made",
        "pause_writing",
        "resume_writing",
        "data_received",
        "eof_received",
        "connection_lost",
    ]


async def test_draining_spares_what_is_being_answered_and_admits_nobody(
    connections: Connections, acme: Any, cirrus: Any
) -> None:
    idle, busy = Line(acme), Line(acme)
    for line in (idle, busy):
        connections.admit(line)
    with connections.serving(busy):
        draining = asyncio.create_task(connections.drain(20))
        await asyncio.sleep(0)
        assert (idle.closed, busy.closed, connections.draining) == (True, False, True)
        assert not connections.admit(Line(cirrus))
    connections.dismiss(idle)
    assert not draining.done()
    connections.dismiss(busy)
    await draining


async def test_draining_ends_when_its_time_is_over(connections: Connections, acme: Any) -> None:
    stuck = Line(acme)
    connections.admit(stuck)
    with connections.serving(stuck):
        await connections.drain(0)
    assert not stuck.closed


async def test_without_connections_there_is_nothing_to_wait_for(connections: Connections) -> None:
    await connections.drain(1000)
