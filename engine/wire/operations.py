"""The owner's application for its own people: operations, with progress while they run.

`engine.wire.owner` is the client, and says what travels between the two.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp import web

from engine.digest import parse_json
from engine.errors import InputError, LadingError
from engine.wire.answers import answer_problems
from engine.wire.owner import OPERATIONS, write_error

REQUEST_LIMIT: Final = 16 << 20
THREADS: Final = 16
REPORTS_WAITING: Final = 256
"""How many progress reports wait for a slow reader; further ones are dropped."""

_LOG: Final = logging.getLogger("lading.operations")

Perform = Callable[[str, str | None, Mapping[str, Any], Callable[[Any], None], threading.Event], Any]
"""Performs an operation: name, token, params, progress, cancelled. Returns its result, a JSON value."""


def operations_app(perform: Perform) -> web.Application:
    """Return the application for the owner's `owner.sock`.

    Args:
        perform: runs in a thread. It may report progress from any thread; `cancelled` is set when the client goes
            away or the owner stops. A `LadingError` becomes the answer.
    """
    app = web.Application(middlewares=[answer_problems], client_max_size=REQUEST_LIMIT)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="operation")

    async def rest(_: web.Application) -> None:
        # Nothing below an operation may be taken away while it runs: it was told to stop, and is waited for.
        await asyncio.to_thread(pool.shutdown)

    async def serve(request: web.Request) -> web.StreamResponse:
        token, params = _read(await request.read())
        operation = _Operation(request.match_info["name"], token, params)
        return await operation.answer(request, perform, pool)

    app.on_cleanup.append(rest)
    app.router.add_post(f"{OPERATIONS}/{{name:[a-z][a-z0-9.-]{{0,63}}}}", serve)
    return app


class _Operation:
    """One operation while it runs: a thread writes lines, the event loop sends them."""

    def __init__(self, name: str, token: str | None, params: Mapping[str, Any]) -> None:
        self._name = name
        self._token = token
        self._params = params
        self._cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(self, request: web.Request, perform: Perform, pool: ThreadPoolExecutor) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            last = self._loop.run_in_executor(pool, self._perform, perform)
            last.add_done_callback(lambda _: self._lines.put_nowait(b""))
            while line := await self._lines.get():
                await response.write(line)
            await response.write(await last)
            await response.write_eof()
        finally:
            self._cancelled.set()
        return response

    def _perform(self, perform: Perform) -> bytes:
        try:
            result = perform(self._name, self._token, self._params, self._progress, self._cancelled)
            return _line({"result": result})
        except LadingError as error:
            return _line({"error": write_error(error)})
        except Exception as error:  # noqa: BLE001 - it is logged whole, and whoever asked gets an answer
            _LOG.exception("the operation %s failed", self._name)
            inner = LadingError(
                f"{self._name} failed inside: {type(error).__name__}: {error}",
                remedy="This is a defect of lading; the owner's log has the whole story.",
            )
            return _line({"error": write_error(inner)})

    def _progress(self, report: Any) -> None:
        line = _line({"progress": report})
        self._loop.call_soon_threadsafe(self._enqueue, line)

    def _enqueue(self, line: bytes) -> None:
        if self._lines.qsize() < REPORTS_WAITING:
            self._lines.put_nowait(line)


def _read(body: bytes) -> tuple[str | None, Mapping[str, Any]]:
    request = parse_json(body, what="the operation", limit=REQUEST_LIMIT)
    if isinstance(request, dict) and request.keys() == {"token", "params"}:
        token, params = request["token"], request["params"]
        if isinstance(token, str | None) and isinstance(params, dict):
            return token, params
    raise InputError(
        'the operation cannot be read: expected {"token": text or null, "params": {…}}',
        remedy="Use the lading command of the same release as the owner.",
    )


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"
