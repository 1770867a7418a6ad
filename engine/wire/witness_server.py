"""The HTTP service of a witness (C2SP tlog-witness): `POST /add-checkpoint`, and nothing else.

Anybody may ask: what is believed is the log's signature in the body, never the connection. So everything about a
connection is bounded: how many there are, how long a head and a body may take, and how large they may be.
"""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.errors import InputError
from engine.events import system_clock
from engine.wire.answers import answer_problems, content_length
from engine.wire.config import Limits
from engine.wire.connections import Connections
from engine.wire.problem import ProblemError
from engine.wire.routes import WITNESS_LIMIT
from engine.wire.tls import Peer

BACKLOG: Final = 128
BODY_SECONDS: Final = 10.0
"""How long a whole request may take, head excluded."""

LIMITS: Final = Limits(connections=256, connections_per_peer=256, idle=30.0, drain=5.0)

Answer = Callable[[bytes], tuple[int, str, bytes]]
"""Takes the body of a request; returns status, media type and body of the answer."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a witness shows and demands over HTTPS, as PEM files.

    Attributes:
        certificate: its certificate chain.
        key: its private key.
        clients: authorities that client certificates must chain to; None if none is asked for.
    """

    certificate: Path
    key: Path
    clients: Path | None = None


def witness_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a TLS 1.3 context.

    Raises:
        InputError: a file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.clients is not None:
            context.load_verify_locations(files.clients)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        raise InputError(
            f"the certificate files of the witness do not load: {error.strerror or error}",
            remedy="Give a PEM certificate chain, its private key, and for --clients the authorities in PEM.",
        ) from None
    return context


def serve_witness(
    listening: socket.socket, answer: Answer, *, tls: ssl.SSLContext | None, on_ready: Callable[[], None]
) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        listening: a bound TCP socket.
        answer: called in a thread, several at once.
        tls: the context for HTTPS; None for plain HTTP.
        on_ready: called once connections are taken.
    """
    # Whatever a stranger sends that is not HTTP would fill the error output; real failures are logged by us.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    asyncio.run(_serve(listening, answer, tls, on_ready))


async def _serve(
    listening: socket.socket, answer: Answer, tls: ssl.SSLContext | None, on_ready: Callable[[], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    connections = _Anybody({}, LIMITS, system_clock)
    runner = web.AppRunner(
        witness_app(answer, connections),
        shutdown_timeout=0.0,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=LIMITS.idle,
        max_line_size=LIMITS.head,
        max_field_size=LIMITS.head,
        max_headers=LIMITS.head_lines,
    )
    await runner.setup()
    http = runner.server
    if http is None:
        raise RuntimeError("an application that was set up has a server")
    server = await loop.create_server(
        partial(connections.guarded, http),
        sock=listening,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=LIMITS.handshake if tls else None,
    )
    on_ready()
    await stop.wait()
    server.close()
    await connections.drain(LIMITS.drain)
    await runner.cleanup()


def witness_app(answer: Answer, connections: Connections) -> web.Application:
    """Return the application."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        content_length(request, WITNESS_LIMIT)
        if request.transport is None:
            raise ConnectionResetError("the client went away")
        with connections.serving(request.transport):
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await request.read()
            except TimeoutError:
                raise ProblemError(408, "Too slow", codes=("slow",)) from None
            status, media_type, said = await asyncio.to_thread(answer, body)
        return web.Response(status=status, body=said, headers={"Content-Type": media_type})

    app = web.Application(middlewares=[answer_problems], client_max_size=WITNESS_LIMIT)
    app.router.add_post("/add-checkpoint", add_checkpoint)
    return app


class _Anybody(Connections):
    """Counts connections, whoever is at the other end."""

    def _identify(self, transport: asyncio.Transport) -> Peer | None:  # noqa: ARG002 - everybody is alike
        return None
