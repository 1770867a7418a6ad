"""What a listener process answers: it takes chunks itself, and passes everything else on to the owner.

Who the peer is comes from the connection. Whether a chunk is wanted is asked before its bytes are read.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final, ParamSpec, TypeVar

import aiohttp
from aiohttp import web

from engine.store.buffers import Buffers
from engine.store.sealed import CHUNK_LIMIT
from engine.wire.answers import Handler, answer_problems, content_length
from engine.wire.config import Limits
from engine.wire.connections import Connections
from engine.wire.journal import Incoming
from engine.wire.pack import BODY_LIMIT, read_pack
from engine.wire.problem import DIGEST_MISMATCH, ProblemError
from engine.wire.refusals import Refusals
from engine.wire.routes import ADDRESS_HEADER, CHUNK_PATH, PACK_PATH, PEER_HEADER, ROUTES, Route
from engine.wire.sink import ChunkSink
from engine.wire.tls import Peer

_LOG: Final = logging.getLogger("lading.wire")
_LATER: Final = "Try again in a moment."
_CREATED: Final = 201
_PASSED_BACK: Final = ("Content-Type", "Location")

P = ParamSpec("P")
T = TypeVar("T")


class Listener:
    """The application of one listener process."""

    def __init__(
        self,
        sink: ChunkSink,
        owner: aiohttp.ClientSession,
        limits: Limits,
        connections: Connections,
        refusals: Refusals,
    ) -> None:
        """Answer requests.

        Args:
            sink: where chunks go.
            owner: a session whose connector leads to the owner's socket.
            limits: what is put up with.
            connections: knows who is at the other end of each.
            refusals: takes down what has to be recorded of what is refused.
        """
        self._sink = sink
        self._owner = owner
        self._limits = limits
        self._connections = connections
        self._refusals = refusals
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="sealing")
        self._chunk_buffers = Buffers(CHUNK_LIMIT)
        self._pack_buffers = Buffers(BODY_LIMIT)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[answer_problems, self._bounded])
        app.router.add_put(CHUNK_PATH, self._put_chunk)
        app.router.add_put(PACK_PATH, self._put_pack)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, partial(self._pass_on, route))
        app.on_response_prepare.append(self._last_answer)
        app.on_cleanup.append(self._rest)
        return app

    @web.middleware
    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in only known peers, and no request for longer than its size allows."""
        if request.transport is None:
            raise ConnectionResetError("the client went away")
        try:
            request["peer"] = self._connections.peer(request.transport)
        except ProblemError:
            request.protocol.close()  # after the answer
            raise
        allowed = self._limits.body_seconds(request.content_length or 0) + self._limits.owner
        try:
            with self._connections.serving(request.transport):
                async with asyncio.timeout(allowed):
                    return await handler(request)
        except TimeoutError:
            if request.content.is_eof():
                raise ProblemError(504, "This gateway is too slow", codes=("busy",), remedy=_LATER) from None
            raise ProblemError(408, "Too slow", codes=("slow",), remedy="Resume over a better line.") from None

    async def _put_chunk(self, request: web.Request) -> web.Response:
        size = content_length(request, CHUNK_LIMIT)
        sha256 = request.match_info["sha256"]
        incoming = await self._admitted(request)
        if not await self._in_thread(self._sink.wanted, incoming, [(sha256, size)]):
            await self._discard(request)
            return web.Response()
        with self._chunk_buffers.lend() as buffer:
            body = await self._receive(request, buffer[:size])
            with self._noting(incoming):
                await self._in_thread(self._sink.keep, incoming, [(sha256, body)])
        return web.Response(status=_CREATED)

    async def _put_pack(self, request: web.Request) -> web.Response:
        size = content_length(request, BODY_LIMIT)
        incoming = await self._admitted(request)
        with self._pack_buffers.lend() as buffer:
            body = await self._receive(request, buffer[:size])
            with self._noting(incoming):
                new = await self._in_thread(self._keep_pack, incoming, body)
        return web.Response(status=_CREATED if new else 200)

    @contextmanager
    def _noting(self, incoming: Incoming) -> Iterator[None]:
        """Note that bytes were refused which are not those that were offered."""
        try:
            yield
        except ProblemError as error:
            if DIGEST_MISMATCH in error.problem.codes:
                self._refusals.note(DIGEST_MISMATCH, error.problem.detail, transfer=incoming.transfer)
            raise

    def _keep_pack(self, incoming: Incoming, body: memoryview) -> bool:
        blobs = read_pack(body)
        wanted = self._sink.wanted(incoming, [(sha256, len(data)) for sha256, data in blobs])
        fresh: Sequence[tuple[str, memoryview]] = [blob for blob in blobs if blob[0] in wanted]
        if fresh:
            self._sink.keep(incoming, fresh)
        return bool(fresh)

    async def _pass_on(self, route: Route, request: web.Request) -> web.Response:
        size = content_length(request, route.limit)
        peer: Peer = request["peer"]
        headers = {
            PEER_HEADER: base64.b64encode(peer.der).decode("ascii"),
            ADDRESS_HEADER: _address(request),
            "Content-Length": str(size),
        }
        url, body = f"http://owner{request.rel_url.raw_path}", request.content if size else None
        try:
            async with self._owner.request(route.method, url, data=body, headers=headers) as answer:
                passed = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=passed)
        except (aiohttp.ClientError, OSError) as error:
            if request.transport is None:
                raise ConnectionResetError("the client went away") from None
            _LOG.warning("the owner does not answer: %s", error)
            raise ProblemError(503, "This gateway is not ready", codes=("not-ready",), remedy=_LATER) from error

    async def _admitted(self, request: web.Request) -> Incoming:
        peer: Peer = request["peer"]
        return await self._in_thread(self._sink.admit, peer.organization, request.match_info["transfer"])

    async def _receive(self, request: web.Request, buffer: memoryview) -> memoryview:
        """Read a body into `buffer`, which has exactly its size."""
        filled = 0
        async with asyncio.timeout(self._limits.body_seconds(len(buffer))):
            async for piece in request.content.iter_any():
                buffer[filled : filled + len(piece)] = piece
                filled += len(piece)
        if filled != len(buffer):
            raise ConnectionResetError("the body ended early")
        return buffer

    async def _discard(self, request: web.Request) -> None:
        async with asyncio.timeout(self._limits.body_seconds(request.content_length or 0)):
            async for _ in request.content.iter_any():
                pass

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a thread. A cancelled request waits for it too: it may be using its buffer."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    async def _last_answer(self, _: web.Request, response: web.StreamResponse) -> None:
        if self._connections.draining:
            response.force_close()

    async def _rest(self, _: web.Application) -> None:
        await asyncio.to_thread(self._pool.shutdown)


def _address(request: web.Request) -> str:
    """Return the address that the connection comes from; empty if the system does not say."""
    name = request.transport.get_extra_info("peername") if request.transport else None
    return str(name[0]) if name else ""
