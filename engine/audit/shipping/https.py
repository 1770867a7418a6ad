"""HTTPS: batches by POST. `Idempotency-Key` stays the same when a batch is repeated, so a collector can tell."""

import http.client
import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult

from engine import __version__
from engine.audit.export.formats import Format
from engine.audit.shipping.sink import Batch, NotTaken
from engine.errors import WireError

_SECONDS: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429})
_LONGEST_WAIT: Final = 3600.0


class HttpsSink:
    """A collector that takes POST.

    Args:
        url: where, already split; `https` only.
        context: verifies the other side.
        format_: how entries are written.
        token: sent as a bearer token; None to send none.
    """

    def __init__(self, url: SplitResult, context: ssl.SSLContext, format_: Format, token: str | None) -> None:
        self._url = url
        self._context = context
        self._format = format_
        self._token = token
        self._connection: http.client.HTTPSConnection | None = None

    def send(self, batch: Batch) -> None:
        """Post a batch; return when it was answered with 2xx."""
        body = "".join(self._format.parts(map(self._format.write, batch.entries))).encode("utf-8")
        try:
            status, reason, wait = self._post(body, batch.key)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotTaken(f"{self._url.hostname}: {error or type(error).__name__}") from None
        if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            return
        why = f"{self._url.hostname} answered {status} {reason}"
        if status in _AGAIN or status >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6
            raise NotTaken(why, wait)
        raise WireError(f"the log cannot be shipped: {why}", remedy="Check the address and LADING_SHIP_TOKEN.")

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _post(self, body: bytes, key: str) -> tuple[int, str, float | None]:
        if self._connection is None:
            port = self._url.port or 443
            self._connection = http.client.HTTPSConnection(
                str(self._url.hostname), port, timeout=_SECONDS, context=self._context
            )
        headers = {
            "Content-Type": self._format.media_type,
            "Idempotency-Key": f'"{key}"',
            "User-Agent": f"lading/{__version__}",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        self._connection.request("POST", path, body, headers)
        with self._connection.getresponse() as response:
            response.read(64 * 1024)
            wait = None
            with suppress(ValueError, TypeError):
                wait = min(_LONGEST_WAIT, max(0.0, float(str(response.headers.get("Retry-After")))))
            if not response.isclosed():
                self.close()  # a longer answer is not read to its end
            return response.status, "".join(c for c in response.reason if c.isprintable()), wait
