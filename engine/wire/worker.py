"""A listener process: `python -m engine.wire.worker CONTROL LISTENING`, two inherited descriptors.

Over the control socket comes one line, the `ListenerConfig`; back goes the byte `READY` once connections are
taken. The socket then stays open for as long as the owner lives: at its end the process stops at once. SIGTERM
makes it take no further connection, say so by the byte `CLOSED`, finish what is running, and stop.

INVARIANT: this process imports nothing that reads policies, signatures or the log, and has none of their keys.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from typing import Any, Final

import aiohttp
import uvloop
from aiohttp import web

from engine.events import system_clock
from engine.wire.config import Limits, ListenerConfig
from engine.wire.connections import Connections
from engine.wire.journal import Journal
from engine.wire.listener import Listener
from engine.wire.refusals import Refusals
from engine.wire.sink import JournalSink
from engine.wire.tls import server_context
from engine.wire.unix import unix_address

READY: Final = b"r"
CLOSED: Final = b"c"
BACKLOG: Final = 128
OWNER_CONNECTIONS: Final = 16


def main(arguments: list[str]) -> None:
    """Serve until told to stop."""
    control, listening = (socket.socket(fileno=int(text)) for text in arguments)
    # Whatever a partner sends that is not HTTP would fill the owner's error output; real failures are logged by us.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with control.makefile("rb") as lines:
        line = lines.readline()
    if line:
        uvloop.run(serve(ListenerConfig.read(line), listening, control))


async def serve(config: ListenerConfig, listening: socket.socket, control: socket.socket) -> None:
    """Take connections until SIGTERM, or until the control socket ends.

    Args:
        config: what the owner said.
        listening: bound and listening TCP socket, shared with other listeners.
        control: connected to the owner.
    """
    limits = config.limits
    refusals = Refusals()
    connections = Connections(config.bundles, limits, system_clock, refusals.note)
    authorities = (pem for pems in config.bundles.values() for pem in pems)
    async with _listener(config, connections, refusals) as listener:
        runner = web.AppRunner(listener.app(), shutdown_timeout=0.0, **_bounds(limits))
        await runner.setup()
        http = runner.server
        if http is None:
            raise RuntimeError("an application that was set up has a server")
        server = await asyncio.get_running_loop().create_server(
            partial(connections.guarded, http),
            sock=listening,
            backlog=BACKLOG,
            ssl=server_context(config.leaf, authorities, refusals.note),
            ssl_handshake_timeout=limits.handshake,
        )
        control.send(READY)
        if await _may_finish(control):
            server.close()
            with suppress(OSError):  # the owner may be gone as well
                control.send(CLOSED)
            await connections.drain(limits.drain)
            await runner.cleanup()


@asynccontextmanager
async def _listener(config: ListenerConfig, connections: Connections, refusals: Refusals) -> AsyncIterator[Listener]:
    with closing(Journal(config.journal, system_clock)) as journal, unix_address(config.owner_socket) as address:
        connector = aiohttp.UnixConnector(address, limit=OWNER_CONNECTIONS)
        # A request lasts no longer than `Listener` allows; what a partner sends must not leave cookies behind.
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
        ) as owner:
            sink = JournalSink(journal, config.store, config.names_key)
            telling = asyncio.create_task(refusals.keep_telling(owner))
            try:
                yield Listener(sink, owner, config.limits, connections, refusals)
            finally:
                telling.cancel()
                await asyncio.wait([telling])
                await refusals.tell(owner)


def _bounds(limits: Limits) -> dict[str, Any]:
    return {
        "access_log": None,
        "auto_decompress": False,
        "keepalive_timeout": limits.idle,
        "max_line_size": limits.head,
        "max_field_size": limits.head,
        "max_headers": limits.head_lines,
    }


async def _may_finish(control: socket.socket) -> bool:
    """Wait to be stopped: True if running requests may finish, False if the owner is gone."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()

    def stop(*, orderly: bool) -> None:
        if not told.done():
            told.set_result(orderly)

    control.setblocking(False)
    loop.add_signal_handler(signal.SIGTERM, partial(stop, orderly=True))
    loop.add_reader(control, partial(stop, orderly=False))
    return await told


if __name__ == "__main__":
    main(sys.argv[1:])
