"""The loopback door: limits on everything a caller controls."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from engine.errors import InputError
from engine.signing.sandbox import server as module
from engine.signing.sandbox.server import LoopbackServer, Route
from tests.unit.signing.conftest import Party


def echo(token: str, body: bytes) -> bytes:
    return token.encode() + b"|" + body


def refuse(_: str, __: bytes) -> bytes:
    raise InputError("not like this", remedy="Do it like that.")


def fail(_: str, __: bytes) -> bytes:
    raise RuntimeError("a bug with a secret in it")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    answers = {"/echo": echo, "/no": refuse, "/bug": fail}
    routes = {path: Route(100, "text/plain", answer) for path, answer in answers.items()}
    with LoopbackServer(routes) as running:
        yield running


@pytest.fixture
def connection(server: LoopbackServer) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)) as open_connection:
        yield open_connection


def post(connection: http.client.HTTPConnection, path: str, body: bytes = b"hi", **headers: str) -> tuple[int, bytes]:
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_answers_keep_the_connection(connection: http.client.HTTPConnection) -> None:
    assert post(connection, "/echo") == (201, b"|hi")
    kept = connection.sock

    assert post(connection, "/echo", b"again", Authorization="Bearer  tok") == (201, b"tok|again")
    assert connection.sock is kept


def test_other_schemes_are_no_token(connection: http.client.HTTPConnection) -> None:
    assert post(connection, "/echo", Authorization="Basic dG9r") == (201, b"|hi")


def test_a_refusal_carries_message_and_remedy(connection: http.client.HTTPConnection) -> None:
    status, body = post(connection, "/no")

    assert status == 400
    assert json.loads(body) == {"code": 400, "message": "not like this. Do it like that."}


def test_a_bug_is_not_shown_to_the_caller(connection: http.client.HTTPConnection) -> None:
    status, body = post(connection, "/bug")

    assert status == 500
    assert b"secret" not in body


def test_a_body_over_the_limit_is_refused_unread(connection: http.client.HTTPConnection) -> None:
    assert post(connection, "/echo", b"x" * 101)[0] == 413


def test_unknown_paths_and_other_methods_are_refused(connection: http.client.HTTPConnection) -> None:
    assert post(connection, "/token")[0] == 404
    connection.request("GET", "/echo")
    assert connection.getresponse().status == 501


def raw(server: LoopbackServer, request: bytes) -> bytes:
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), address.port), timeout=20) as connected:
        connected.sendall(request)
        connected.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connected.recv(65536):
            answer += chunk
        return answer


@pytest.mark.parametrize("length", ["", "-1", "1e3", "٣", "9" * 12])
def test_a_body_needs_a_proper_length(server: LoopbackServer, length: str) -> None:
    answer = raw(server, f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())

    assert b" 411 " in answer.splitlines()[0]


def test_a_request_cut_short_gets_no_answer(server: LoopbackServer) -> None:
    assert raw(server, b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf") == b""


def test_headers_without_end_are_refused(server: LoopbackServer) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(200))

    assert b" 431 " in raw(server, b"POST /echo HTTP/1.1\r\n" + many + b"\r\n").splitlines()[0]


def test_more_connections_than_allowed_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECTIONS", 1)
    with LoopbackServer({"/echo": Route(100, "text/plain", echo)}) as server:
        address = urlsplit(server.url)
        first = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
        with closing(first):
            assert post(first, "/echo")[0] == 201
            assert raw(server, b"") == b""
        # The place is free again once the first connection is gone: its thread ends on its own time.


def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.05)
    address = urlsplit(server.url)

    with socket.create_connection((str(address.hostname), address.port), timeout=20) as silent:
        assert silent.recv(1) == b""


def test_no_path_of_a_running_sandbox_mints_a_token(acme: Party) -> None:
    address = urlsplit(acme.sandbox._server.url)
    paths = ["/token", "/oidc/token", "/auth", "/oidc/auth", "/.well-known/openid-configuration"]
    for path in paths:
        with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)) as connected:
            assert post(connected, path)[0] == 404


def test_only_this_machine_is_listened_to(server: LoopbackServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert server._server.server_address[0] == "127.0.0.1"
