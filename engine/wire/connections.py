"""Connections of a listener: how many there may be, and who is at the other end of each."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, cast

from engine.errors import UntrustedPeer
from engine.events import Clock
from engine.wire.config import Limits
from engine.wire.problem import UNTRUSTED, ProblemError
from engine.wire.tls import Peer, Refused, identify, untold

UNIDENTIFIED: Final = "unidentified"
EXPIRED: Final = "expired"
"""Why a peer was refused after the handshake: it is not whom its certificate names, or was let in and is no longer."""


class Connections:
    """Guards an HTTP server: counts its connections, and knows the peer of each.

    A connection past the limits is dropped. One whose peer cannot be identified stays, so that it can be told why;
    all of these together count as one peer.
    """

    def __init__(
        self, bundles: Mapping[str, Sequence[str]], limits: Limits, clock: Clock, refused: Refused = untold
    ) -> None:
        """Guard a server.

        Args:
            bundles: for each confirmed partner, its pinned authorities in PEM.
            limits: how many connections there may be.
            clock: tells when a certificate is no longer valid.
            refused: told of every connection whose peer cannot be identified, and of those who stay too long.
        """
        self._bundles = bundles
        self._limits = limits
        self._clock = clock
        self._refused = refused
        self._peers: dict[asyncio.BaseTransport, Peer | None] = {}
        self._busy: set[asyncio.BaseTransport] = set()
        self._last_one_left: asyncio.Event | None = None

    @property
    def draining(self) -> bool:
        """True once no further request is wanted on any connection."""
        return self._last_one_left is not None

    def guarded(self, inner: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        """Return the protocol for one new connection, around one that `inner` makes."""
        return _Connection(self, inner())

    def peer(self, transport: asyncio.BaseTransport) -> Peer:
        """Return who is at the other end.

        Raises:
            ProblemError: 403 if nobody knows, or the certificate has expired since.
        """
        peer = self._peers.get(transport)
        if peer is not None and peer.expires <= self._clock():
            self._refused(EXPIRED, f"a certificate of {peer.organization}, valid until {peer.expires:%FT%TZ}")
        if peer is None or peer.expires <= self._clock():
            raise ProblemError(
                403,
                "Not a confirmed partner",
                "no bundle that is pinned here vouches for the certificate now",
                codes=(UNTRUSTED,),
                remedy="Have the receiving organization confirm your newest trust document.",
            )
        return peer

    @contextmanager
    def serving(self, transport: asyncio.BaseTransport) -> Iterator[None]:
        """Spare a connection from `drain` while a request on it is being answered."""
        self._busy.add(transport)
        try:
            yield
        finally:
            self._busy.discard(transport)

    async def drain(self, seconds: float) -> None:
        """Close the connections that are idle, and wait for the others to close after their answer.

        An HTTP server's own shutdown throws away what still comes in, and with it every body on its way.
        """
        self._last_one_left = asyncio.Event()
        for transport in self._peers.keys() - self._busy:
            transport.close()
        if self._peers:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._last_one_left.wait()

    def admit(self, transport: asyncio.Transport) -> bool:
        """Take up a connection whose handshake is done; say whether there is room for it."""
        if self.draining:
            return False
        peer = self._identify(transport)
        name = peer.organization if peer else ""
        counts = Counter(known.organization if known else "" for known in self._peers.values())
        if counts.total() >= self._limits.connections or counts[name] >= self._limits.connections_per_peer:
            return False
        self._peers[transport] = peer
        return True

    def dismiss(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection that is gone."""
        self._peers.pop(transport, None)
        if self._last_one_left is not None and not self._peers:
            self._last_one_left.set()

    def _identify(self, transport: asyncio.Transport) -> Peer | None:
        tls = cast("ssl.SSLObject", transport.get_extra_info("ssl_object"))
        try:
            return identify(tls.getpeercert(binary_form=True) or b"", self._bundles, self._clock())
        except UntrustedPeer as error:
            self._refused(UNIDENTIFIED, str(error))
            return None


class _Connection(asyncio.Protocol):
    """One connection: counted, and otherwise left to the protocol inside."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast("asyncio.Transport", transport)
        if not self._connections.admit(connection):
            connection.abort()
            return
        self._transport = connection
        self._inner.connection_made(connection)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.dismiss(self._transport)
            self._inner.connection_lost(exc)
