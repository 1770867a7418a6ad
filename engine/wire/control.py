"""The owner's application behind the listeners: everything partners ask for, but chunks.

A listener passes on the certificate it saw; who the peer is, is decided here again. Handlers are plain functions
that read databases and verify signatures, so each request runs in a thread from start to end.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from aiohttp import web

from engine.errors import UntrustedPeer
from engine.wire.answers import answer_problems, content_length
from engine.wire.large_bodies import LargeBodies
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
    RefusalsMessage,
    StatusMessage,
)
from engine.wire.problem import UNTRUSTED, ProblemError
from engine.wire.routes import (
    ADDRESS_HEADER,
    OFFER_LIMIT,
    PEER_HEADER,
    REFUSALS_LIMIT,
    REFUSALS_PATH,
    ROUTES,
    TRANSFERS,
    Route,
)

THREADS: Final = 8

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_SIZE: Final = "text/x.tlog.size"  # C2SP tlog-witness: the answer 409 says the size in this type
_BYTES: Final = "application/octet-stream"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an offer.

    Attributes:
        message: the signed acceptance.
        known: True if the very same offer was accepted before.
    """

    message: AcceptanceMessage
    known: bool


class Handlers(Protocol):
    """What the gateway does with requests. Each method runs in a thread, several at once.

    `peer` is the organization that asks, verified. To refuse, a method raises `ProblemError`; an `InputError`
    becomes 400 with its message, anything else 500 without one.
    """

    def offer(self, peer: str, message: OfferMessage, address: str) -> Accepted:
        """Decide about an offer that came from an address; sign the acceptance."""
        ...

    def missing(self, peer: str, transfer: str) -> MissingMessage:
        """Say which chunks are still to be sent."""
        ...

    def commit(self, peer: str, transfer: str) -> ReceiptMessage:
        """Sign the delivery receipt; 409 while chunks are missing."""
        ...

    def status(self, peer: str, transfer: str) -> StatusMessage:
        """Say how a transfer stands."""
        ...

    def evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        """Return what this side's log says about a transfer."""
        ...

    def witnessed_evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        """Return what this side's log says about a transfer, under the checkpoint that is witnessed best."""
        ...

    def record(self, peer: str, transfer: str) -> RecordMessage:
        """Return what this side discloses of its decisions and checks about a transfer."""
        ...

    def annex(self, peer: str, transfer: str, message: AnnexRequest) -> AnnexMessage:
        """Return what replays this side's decisions about a transfer, if this side wants that."""
        ...

    def agreement(self, peer: str, message: AgreementMessage) -> AgreementMessage:
        """Take an agreement with its signatures; return it with all that are here."""
        ...

    def add_checkpoint(self, peer: str, body: bytes) -> tuple[int, bytes]:
        """Answer as a C2SP witness: status and body."""
        ...

    def checkpoint(self, peer: str) -> bytes:
        """Return the newest checkpoint with its cosignatures."""
        ...

    def tile(self, peer: str, path: str, log: int | None = None) -> bytes | None:
        """Return a tile of hashes, such as `0/x001/067.p/3`, or None if there is none.

        Args:
            peer: who asks.
            path: below `tile/`.
            log: the number at the end of the log's origin; the log that is written now if None.
        """
        ...

    def trust(self, peer: str) -> bytes:
        """Return this organization's signed trust document."""
        ...

    def refused(self, message: RefusalsMessage) -> None:
        """Take in what a listener refused by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets to see of a request."""

    peer: str
    address: str
    names: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, before it is written."""

    body: bytes
    status: int = 200
    media: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def control_app(handlers: Handlers, peer_of: Callable[[bytes], str]) -> web.Application:
    """Return the application for the owner's `wire.sock`.

    Args:
        handlers: what answers.
        peer_of: returns the organization of a DER certificate, or raises `UntrustedPeer`.
    """
    app = web.Application(middlewares=[answer_problems], client_max_size=OFFER_LIMIT)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wire")

    async def rest(_: web.Application) -> None:
        await asyncio.to_thread(pool.shutdown)

    app.on_cleanup.append(rest)
    desk, bodies = _Desk(handlers), LargeBodies()
    for route in ROUTES:
        answer: Callable[[Request], Answer] = getattr(desk, route.name)
        app.router.add_route(route.method, route.path, _serving(route, answer, peer_of, pool, bodies))

    async def refused(request: web.Request) -> web.Response:
        content_length(request, REFUSALS_LIMIT)
        message = RefusalsMessage.parse(await request.read())
        await asyncio.get_running_loop().run_in_executor(pool, handlers.refused, message)
        return web.Response(status=web.HTTPNoContent.status_code)

    app.router.add_post(REFUSALS_PATH, refused)
    return app


def _serving(
    route: Route,
    answer: Callable[[Request], Answer],
    peer_of: Callable[[bytes], str],
    pool: ThreadPoolExecutor,
    bodies: LargeBodies,
) -> Callable[[web.Request], "asyncio.Future[web.Response]"]:
    async def serve(request: web.Request) -> web.Response:
        size = content_length(request, route.limit)
        certificate, address = request.headers.get(PEER_HEADER, ""), request.headers.get(ADDRESS_HEADER, "")
        peer = await _in_thread(pool, lambda: _peer(certificate, peer_of))
        with bodies.room(peer, size):
            body = await request.read()
            async with bodies.turn(size):
                found = await _in_thread(pool, lambda: answer(Request(peer, address, request.match_info, body)))
        return web.Response(
            status=found.status, body=found.body, headers={"Content-Type": found.media, **found.headers}
        )

    return serve  # type: ignore[return-value] # aiohttp's own type of a handler is private


async def _in_thread(pool: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    """Run `function` in a thread. A request that is cancelled waits for it too: it works on, and holds the body."""
    work = asyncio.get_running_loop().run_in_executor(pool, function)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _peer(certificate: str, peer_of: Callable[[bytes], str]) -> str:
    try:
        return peer_of(base64.b64decode(certificate, validate=True))
    except (binascii.Error, UntrustedPeer):
        raise ProblemError(403, "Not a confirmed partner", codes=(UNTRUSTED,)) from None


class _Desk:
    """Turns requests into calls of the handlers, and what they return into answers; one method per route."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def offer(self, request: Request) -> Answer:
        accepted = self._handlers.offer(request.peer, OfferMessage.parse(request.body), request.address)
        place = {"Location": f"{TRANSFERS}/{accepted.message.transfer}"}
        return Answer(accepted.message.body(), status=200 if accepted.known else 201, headers=place)

    def status(self, request: Request) -> Answer:
        return Answer(self._handlers.status(request.peer, request.names["transfer"]).body())

    def missing(self, request: Request) -> Answer:
        return Answer(self._handlers.missing(request.peer, request.names["transfer"]).body())

    def commit(self, request: Request) -> Answer:
        return Answer(self._handlers.commit(request.peer, request.names["transfer"]).body())

    def evidence(self, request: Request) -> Answer:
        return Answer(self._handlers.evidence(request.peer, request.names["transfer"]).body())

    def witnessed_evidence(self, request: Request) -> Answer:
        return Answer(self._handlers.witnessed_evidence(request.peer, request.names["transfer"]).body())

    def record(self, request: Request) -> Answer:
        return Answer(self._handlers.record(request.peer, request.names["transfer"]).body())

    def annex(self, request: Request) -> Answer:
        asked = AnnexRequest.parse(request.body)
        return Answer(self._handlers.annex(request.peer, request.names["transfer"], asked).body())

    def agreement(self, request: Request) -> Answer:
        return Answer(self._handlers.agreement(request.peer, AgreementMessage.parse(request.body)).body())

    def add_checkpoint(self, request: Request) -> Answer:
        status, body = self._handlers.add_checkpoint(request.peer, request.body)
        return Answer(body, status, _SIZE if status == web.HTTPConflict.status_code else _TEXT)

    def checkpoint(self, request: Request) -> Answer:
        return Answer(self._handlers.checkpoint(request.peer), media=_TEXT)

    def tile(self, request: Request) -> Answer:
        return self._tile(request, None)

    def tile_of(self, request: Request) -> Answer:
        return self._tile(request, int(request.names["log"]))

    def _tile(self, request: Request, log: int | None) -> Answer:
        found = self._handlers.tile(request.peer, request.names["tile"], log)
        if found is None:
            raise ProblemError(404, "No such tile", codes=("unknown-tile",))
        return Answer(found, media=_BYTES)

    def trust(self, request: Request) -> Answer:
        return Answer(self._handlers.trust(request.peer))
