"""Collectors that a log is shipped to, on real sockets: a syslog server, plain or with TLS, and an HTTPS server."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority; the key stands in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "collector.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    return path


def server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


class Collected:
    """What a collector took: indexes in the order they came, and what else a test asks about."""

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.keys: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.enough = threading.Event()
        self.wanted = 10**9
        self.port = 0

    def take(self, lines: list[str]) -> None:
        self.indexes += [json.loads(line)["index"] for line in lines]
        if len(self.indexes) >= self.wanted:
            self.enough.set()


@contextmanager
def serving(server: Any, collected: Collected) -> Iterator[Collected]:
    collected.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def syslog(pem: Path | None = None, port: int = 0) -> Iterator[Collected]:
    """A syslog server that counts octets."""
    collected = Collected()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while length := self.number():
                body = self.rfile.read(length)
                if len(body) < length:
                    return
                assert body.startswith(b"<")
                collected.take([body.partition(b"\xef\xbb\xbf")[2].decode()])

        def number(self) -> int:
            digits = b""
            while (byte := self.rfile.read(1)) not in {b"", b" "}:
                digits += byte
            return int(digits or b"0")

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def get_request(self) -> Any:
            sock, address = super().get_request()
            return (server_context(pem).wrap_socket(sock, server_side=True) if pem else sock), address

        def handle_error(self, *_: object) -> None:
            """Let a client that was killed be gone."""

    with serving(Server(("127.0.0.1", port), Handler), collected):
        yield collected


@contextmanager
def https(pem: Path) -> Iterator[Collected]:
    """An HTTPS server that answers with the prepared answers first, then with 200."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = collected.answers.pop(0) if collected.answers else 200
            collected.headers.append(dict(self.headers.items()))
            if status == 200:
                key = self.headers["Idempotency-Key"]
                if key not in collected.keys:
                    collected.take(body.splitlines())
                collected.keys.append(key)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Let a client that was killed be gone."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = server_context(pem).wrap_socket(server.socket, server_side=True)
    with serving(server, collected):
        yield collected
