"""The sandbox's HTTP door: three POST paths on 127.0.0.1, with limits on everything a caller controls.

Nothing here can mint a token: who signs was decided before anybody connects.
"""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from engine.digest import JSON
from engine.errors import LadingError

_CONNECTIONS: Final = 32
_PATIENCE: Final = 30.0  # seconds without a byte before a connection is closed
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """What answers one path.

    Attributes:
        limit: the largest request body in bytes.
        media_type: of the answer.
        answer: takes the bearer token (may be empty) and the body, returns the answer's body.
        status: of a good answer.
    """

    limit: int
    media_type: str
    answer: Callable[[str, bytes], bytes]
    status: HTTPStatus = HTTPStatus.CREATED


class LoopbackServer:
    """Serves routes on a free port of 127.0.0.1 while it is entered.

    Attributes:
        url: `http://127.0.0.1:<port>`, once entered.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes
        self.url = ""

    def __enter__(self) -> Self:
        """Bind, and start serving in a thread."""
        self._server = _Server(self._routes)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="lading-sandbox")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop accepting, and close the socket; answers under way are finished by their own threads."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _CONNECTIONS

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base's parameters
        # A caller that went away in the middle is no news: the base class would print a traceback.
        _LOGGER.debug("a connection from %s broke", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "lading-sandbox"
    sys_version = ""
    timeout = _PATIENCE
    # Without this, every answer on a kept connection waits 40 ms for a delayed acknowledgement.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        route = self.server.routes.get(self.path)
        if route is None:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing answers here")
            return
        body = self._body(route.limit)
        if body is None:
            return
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            answer = route.answer(token.strip() if scheme == "Bearer" else "", body)
        except LadingError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"{error}. {error.remedy}")
        except Exception:
            _LOGGER.exception("the sandbox failed on %s", self.path)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "the sandbox failed; its log says why")
        else:
            self._send(route.status, route.media_type, answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's parameter
        _LOGGER.debug(format, *args)

    def _body(self, limit: int) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 12):  # noqa: PLR2004 - digits of a sane length
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "the request needs a Content-Length")
        elif int(length) > limit:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} bytes, where at most {limit} are taken")
        else:
            body = self.rfile.read(int(length))
            return body if len(body) == int(length) else None
        return None

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        # The rest of the request may be unread, so nothing more can be understood on this connection.
        self.close_connection = True
        refusal: dict[str, JSON] = {"code": int(status), "message": message}
        self._send(status, "application/json", json.dumps(refusal).encode("utf-8"))

    def _send(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
