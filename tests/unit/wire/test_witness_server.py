"""A witness's service puts up with nobody for long."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from engine.wire import witness_server
from engine.wire.config import Limits


def exchange(raw: bytes, count: int = 1) -> list[bytes]:
    """Serve, send the same bytes over connections that are all open at once, and return what each got."""

    async def run() -> list[bytes]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            ready = asyncio.Event()
            answer: Callable[[bytes], tuple[int, str, bytes]] = lambda body: (200, "text/plain", body)  # noqa: E731
            serving = asyncio.ensure_future(witness_server._serve(listening, answer, None, ready.set))
            await ready.wait()
            lines = [await asyncio.open_connection(*listening.getsockname()) for _ in range(count)]
            for _, writer in lines:
                writer.write(raw)
            try:
                return [await _rest(reader) for reader, _ in lines]
            finally:
                for _, writer in lines:
                    writer.close()
                serving.cancel()

    return asyncio.run(asyncio.wait_for(run(), 30))


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_server, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(witness_server, "LIMITS", Limits(connections=2, connections_per_peer=2, idle=0.5))


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    [answer] = exchange(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 10\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_does_not_end_is_not_waited_for() -> None:
    assert exchange(b"POST /add-checkpoint HTTP/1.1\r\nHost:")[0].count(b"HTTP/1.1 200") == 0


def test_one_connection_too_many_is_dropped() -> None:
    body = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nabc"

    answers = exchange(body, count=4)

    assert sorted(answer.startswith(b"HTTP/1.1 200 ") for answer in answers) == [False, False, True, True]
