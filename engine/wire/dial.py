"""One connection to a partner's gateway: dialled, identified, and its failures told apart.

In TLS 1.3 a client learns only at its first read that its certificate was refused, and a server that refuses a
request early may close while the body is still on its way. So a failed write is followed by a read.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from engine.errors import Interrupted, LadingError, PartnerUnreachable, Refused, UntrustedPeer, WireError
from engine.events import Clock
from engine.wire.problem import UNTRUSTED, read_problem, shown
from engine.wire.routes import ANSWER_LIMIT
from engine.wire.tls import peer_organization

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 180.0
"""How long a partner may take to answer, beyond what the body needs at `SLOWEST_RATE`."""
SLOWEST_RATE: Final = 64 << 10
"""Bytes per second below which a connection counts as broken."""

Body = bytes | memoryview

_PASSING: Final = frozenset({408, 429, 502, 503, 504})
"""Answers that say "not now"."""
_REFUSED_CERTIFICATE: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


@dataclass(frozen=True, slots=True)
class Response:
    """What a partner answered.

    Attributes:
        status: of HTTP.
        body: whole.
    """

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom to dial, and what makes sure that it is they.

    Attributes:
        organization: who must answer.
        url: of the gateway, `https://host:port`.
        bundle: the authorities pinned for that organization, in PEM.
        context: returns a context for a new connection; asked each time, as certificates are short-lived.
        clock: the time at which the partner's certificate must be valid.
        admits: told the address that a new connection reached, once it is known that the partner is there and before
            anything is asked; what it raises ends the connection, and the caller sees it.
    """

    organization: str
    url: str
    bundle: Sequence[str]
    context: Callable[[], ssl.SSLContext]
    clock: Clock
    admits: Callable[[str], None]


class Line:
    """A connection to a partner that is dialled when first used, and again after `hang_up`."""

    def __init__(self, partner: Partner) -> None:
        """Prepare to dial; nothing is sent yet."""
        self._partner = partner
        self._connection: http.client.HTTPSConnection | None = None

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, method: str, path: str, body: Body = b"", *, limit: int = ANSWER_LIMIT) -> Response:
        """Send a request and return the answer, whatever its status.

        Args:
            method: of HTTP.
            path: from `/v1/` on.
            body: to send.
            limit: the most bytes the answer may have.

        Raises:
            PartnerUnreachable: nobody answers at the address.
            UntrustedPeer: the other side is not the partner, or does not take this side for who it is.
            Interrupted: the connection broke, stalled, or what came is not HTTP.
            WireError: the answer is too large, or `Partner.admits` does not take the address that was reached.
        """
        connection = self._connection or self._dial()
        try:
            with self._deadline(connection, len(body)), self._broken():
                response = self._exchange(connection, method, path, body)
                found = self._read(response, limit)
        except LadingError:
            self.hang_up()
            raise
        if response.will_close:
            self.hang_up()
        return Response(response.status, found)

    def _exchange(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: Body
    ) -> http.client.HTTPResponse:
        headers = {"Content-Length": str(len(body))} if len(body) or method != "GET" else {}
        # When writing fails, the reason may be waiting to be read; if it is not, reading fails just as well.
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            connection.request(method, path, body if len(body) else None, headers)
        return connection.getresponse()

    def _read(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        if response.length is None:
            # Without a length, a broken connection could pass for the end.
            raise http.client.HTTPException("an answer that does not say how long it is")
        if response.length > limit:
            raise WireError(
                f"{self._partner.organization} answers with {response.length} bytes, where at most {limit} make sense",
                remedy="The partner's gateway is at fault: tell whoever runs it.",
            )
        return response.read()

    def _dial(self) -> http.client.HTTPSConnection:
        partner = self._partner
        address = urlsplit(partner.url)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=CONNECT_SECONDS, context=partner.context()
        )
        try:
            partner.admits(self._meet(connection))
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(ANSWER_SECONDS)
        self._connection = connection
        return connection

    def _meet(self, connection: http.client.HTTPSConnection) -> str:
        """Connect, make sure of who answers, and return the address they answer at: the socket's, not the name's."""
        partner = self._partner
        try:
            connection.connect()
            der = connection.sock.getpeercert(binary_form=True) or b""
            peer_organization(der, {partner.organization: partner.bundle}, partner.clock())
            return str(connection.sock.getpeername()[0])
        except ssl.SSLCertVerificationError as error:
            raise self._impostor(error.verify_message) from None
        except UntrustedPeer as error:
            raise self._impostor(str(error)) from None
        except OSError as error:
            raise self._unreachable(error) from None

    @contextmanager
    def _deadline(self, connection: http.client.HTTPSConnection, size: int) -> Iterator[None]:
        """Break the connection when all of an exchange takes too long, however busy it looks."""
        # Of the socket below TLS: TLS's own shutdown is not safe while another thread reads.
        cut = partial(socket.socket.shutdown, connection.sock, socket.SHUT_RDWR)
        timer = threading.Timer(ANSWER_SECONDS + size / SLOWEST_RATE, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def _broken(self) -> Iterator[None]:
        organization = self._partner.organization
        try:
            yield
        except ssl.SSLError as error:
            if any(word in (error.reason or "") for word in _REFUSED_CERTIFICATE):
                raise _unknown_there(organization, str(error.reason)) from None
            raise self._interrupted(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._interrupted(error) from None

    def _interrupted(self, error: Exception) -> Interrupted:
        return Interrupted(
            f"the connection to {self._partner.organization} broke ({_why(error)})",
            remedy="Run it again: what was acknowledged is kept.",
        )

    def _unreachable(self, error: Exception) -> PartnerUnreachable:
        return PartnerUnreachable(
            f"nobody answers for {self._partner.organization} at {self._partner.url} ({_why(error)})",
            remedy="Check the address in the partner's trust document and the network, then run it again.",
        )

    def _impostor(self, why: str) -> UntrustedPeer:
        return UntrustedPeer(
            f"whoever answers at {self._partner.url} is not {self._partner.organization}: {why}",
            remedy="Send nothing. Ask the partner whether its gateway has a new trust document.",
        )


def demand(response: Response, organization: str, accepted: Container[int]) -> Response:
    """Return a response whose status is among those accepted.

    Raises:
        Interrupted: the partner says "not now".
        UntrustedPeer: the partner does not take this side for who it is.
        Refused: the partner says no.
    """
    if response.status in accepted:
        return response
    if response.status in _PASSING:
        raise Interrupted(
            f"the gateway of {organization} is not ready ({response.status})", remedy="Run it again in a moment."
        )
    problem = read_problem(response.status, response.body)
    if UNTRUSTED in problem["codes"]:
        raise _unknown_there(organization, UNTRUSTED)
    title, detail = problem.get("title", "no reason given"), problem.get("detail")
    raise Refused(
        f"{organization} refused ({response.status}): {title}" + (f": {detail}" if detail else ""),
        remedy=str(problem.get("remedy", f"Ask {organization}, and name the decision if there is one.")),
        status=response.status,
        problem=problem,
    )


def _unknown_there(organization: str, why: str) -> UntrustedPeer:
    return UntrustedPeer(
        f"{organization} does not take this gateway's certificate ({why})",
        remedy=f"Have {organization} confirm your newest trust document.",
    )


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    return shown(str(error)) or type(error).__name__
