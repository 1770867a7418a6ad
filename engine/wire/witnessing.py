"""Asking a third party's witness for a cosignature over HTTP (C2SP tlog-witness).

Nothing that a witness answers is believed here: the caller verifies the cosignature under the pinned key. So TLS
only keeps the line private, and a plain line to a loopback address does as well.
"""

import http.client
import socket
import ssl
import threading
from contextlib import closing, suppress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from engine.errors import Interrupted, PartnerUnreachable
from engine.wire.problem import shown

SECONDS: Final = 10.0
"""How long a witness may take, from dialling to the last byte of its answer."""

ANSWER_LIMIT: Final = 64 << 10

_REMEDY: Final = "It is asked again later. Should it stay, ask the witness' operator."


def ask_witness(url: str, ca: str | None, body: bytes, *, seconds: float = SECONDS) -> tuple[int, bytes]:
    """Send `add-checkpoint` to a witness; return the status and the body of its answer. Redirects are answers.

    Args:
        url: its submission prefix, `https`, or `http` on this machine.
        ca: the authorities pinned for it, PEM; None for those of the system.
        body: the request.
        seconds: after which it is given up, however busy the line looks.

    Raises:
        PartnerUnreachable: nobody answers there, or not with a certificate that is trusted.
        Interrupted: the connection broke, took too long, or what came is not HTTP or too large.
    """
    address = urlsplit(url)
    host = address.hostname or ""
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = ssl.create_default_context(cadata=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPSConnection(host, address.port, timeout=seconds, context=context)
    else:
        connection = http.client.HTTPConnection(host, address.port, timeout=seconds)
    with closing(connection):
        try:
            connection.connect()
        except OSError as error:
            raise PartnerUnreachable(f"no witness answers at {url} ({_why(error)})", remedy=_REMEDY) from None
        cut = threading.Timer(seconds, partial(_cut, connection))
        cut.daemon = True
        cut.start()
        try:
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            connection.request("POST", f"{address.path}/add-checkpoint", body, headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_LIMIT + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"the line to the witness at {url} broke ({_why(error)})", remedy=_REMEDY) from None
        finally:
            cut.cancel()
    if len(answer) > ANSWER_LIMIT:
        raise Interrupted(f"the witness at {url} answers with more than {ANSWER_LIMIT} bytes", remedy=_REMEDY)
    return response.status, answer


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    return shown(str(error)) or type(error).__name__
