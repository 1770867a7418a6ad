"""Syslog: RFC 5424 messages over TCP or TLS (RFC 5425), each with its length before it (RFC 6587 section 3.4.1).

The message is the entry in the chosen format, in UTF-8 behind a byte order mark; the facility is 13 (log audit), the
severity warning for what was denied, refused or failed, and notice for the rest. Syslog has no answers. A batch
counts as taken when the other side's TCP acknowledged all its bytes and did not close the connection.
"""

import array
import fcntl
import re
import socket
import ssl
import termios
import time
from contextlib import suppress
from typing import Final

from engine.audit.export.formats import Format
from engine.audit.export.record import Exported
from engine.audit.shipping.sink import Batch, NotTaken

FACILITY: Final = 13
WARNING, NOTICE = 4, 5
STRUCTURED: Final = "lading@32473"
"""Id of our structured data. 32473 is the enterprise number that RFC 5612 reserves for examples."""

_FAILURES: Final = re.compile(r"(deny|failsafe|failed|refused|quarantined)$")
_TAKE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.01
_BOM: Final = b"\xef\xbb\xbf"


def message(one: Exported, format_: Format, hostname: str) -> bytes:
    """Return one message without its length (RFC 5424 section 6)."""
    entry = one.entry
    severity = WARNING if _FAILURES.search(entry.type) else NOTICE
    header = " ".join(
        (
            f"<{FACILITY * 8 + severity}>1",
            entry.time,
            _word(hostname, 255),
            "lading",
            "-",
            _word(entry.type, 32),
            f'[{STRUCTURED} index="{entry.index}" id="{_parameter(entry.id)}"]',
        )
    )
    return header.encode("utf-8") + b" " + _BOM + format_.write(one).encode("utf-8")


def framed(body: bytes) -> bytes:
    """Return a message behind its length in octets."""
    return b"%d " % len(body) + body


class SyslogSink:
    """A syslog collector.

    Args:
        host: its name or address.
        port: its TCP port.
        context: for TLS; None for plain TCP.
        format_: how entries are written.
        hostname: who reports: the organization.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, format_: Format, hostname: str) -> None:
        self._address = (host, port)
        self._context = context
        self._format = format_
        self._hostname = hostname
        self._socket: socket.socket | None = None

    def send(self, batch: Batch) -> None:
        """Send a batch and wait until the other side's TCP has it all."""
        data = b"".join(framed(message(one, self._format, self._hostname)) for one in batch.entries)
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._demand_open(self._socket)
            self._socket.sendall(data)
            self._until_taken(self._socket)
        except OSError as error:
            self.close()
            raise NotTaken(f"{self._address[0]}:{self._address[1]}: {error}") from None

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(self._address, timeout=_TAKE_SECONDS)
        if self._context is None:
            return plain
        try:
            return self._context.wrap_socket(plain, server_hostname=self._address[0])
        except BaseException:
            plain.close()
            raise

    def _demand_open(self, sock: socket.socket) -> None:
        """Find out whether the other side closed meanwhile: a collector sends nothing but the end.

        TLS has messages of its own (tickets), so a socket that can be read may have nothing to say.
        """
        sock.settimeout(0)
        try:
            if sock.recv(4096) == b"":
                raise ConnectionResetError("the collector closed the connection")
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            sock.settimeout(_TAKE_SECONDS)

    def _until_taken(self, sock: socket.socket) -> None:
        deadline = time.monotonic() + _TAKE_SECONDS
        waiting = array.array("i", [0])
        while fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, waiting) == 0 and waiting[0]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waiting[0]} bytes were not acknowledged in {_TAKE_SECONDS:.0f} s")
            time.sleep(_LOOK_SECONDS)
        self._demand_open(sock)


def _word(text: str, most: int) -> str:
    return re.sub(r"[^!-~]", "?", text)[:most] or "-"


def _parameter(text: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", text)
