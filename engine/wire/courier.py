"""The client of a partner's gateway: asks it things, and brings it chunks over several connections."""

import threading
from collections.abc import Callable, Container, Iterable
from typing import Final

from engine.wire.dial import Body, Line, Partner, Response, demand
from engine.wire.routes import ANSWER_LIMIT
from engine.wire.upload import Chunk, Upload, UploadReport

SUCCESS: Final = range(200, 300)
CONNECTIONS: Final = 4


def _nothing() -> None:
    """Do nothing before dialling again."""


class Courier:
    """Carries what this organization has for one partner. Any number of threads may use it at once."""

    def __init__(self, partner: Partner) -> None:
        """Carry to this partner; nothing is dialled yet."""
        self._partner = partner

    def call(
        self,
        method: str,
        path: str,
        body: Body = b"",
        *,
        limit: int = ANSWER_LIMIT,
        accept: Container[int] = SUCCESS,
    ) -> Response:
        """Ask one thing, over a connection of its own. Nothing is tried twice.

        Args:
            method: of HTTP.
            path: from `/v1/` on.
            body: to send.
            limit: the most bytes the answer may have.
            accept: statuses that are returned; all others are refusals.

        Raises:
            PartnerUnreachable: nobody answers.
            UntrustedPeer: the other side is not the partner, or does not take this side for who it is.
            Interrupted: the connection broke, or the partner says "not now": worth trying again.
            Refused: the partner said no.
        """
        line = Line(self._partner)
        try:
            return demand(line.ask(method, path, body, limit=limit), self._partner.organization, accept)
        finally:
            line.hang_up()

    def upload(
        self,
        transfer: str,
        chunks: Iterable[Chunk],
        *,
        cancelled: threading.Event,
        progress: Callable[[UploadReport], None],
        reconnect: Callable[[], None] = _nothing,
        connections: int = CONNECTIONS,
    ) -> UploadReport:
        """Bring chunks, each read, hashed and compared with its digest before its first byte leaves.

        Args:
            transfer: the id of the accepted offer.
            chunks: what is missing there.
            cancelled: when set, no further chunk is begun.
            progress: called in the calling thread after each acknowledgement, with everything so far.
            reconnect: called before a broken connection is dialled again; what it raises ends the upload.
            connections: how many to use.

        Returns:
            What was acknowledged; less than `chunks` if it was cancelled.

        Raises:
            SourceChanged: a chunk on disk is not what was offered.
            Refused: the partner said no.
            UntrustedPeer: as `call`.
            Interrupted: the network failed too often in a row.
            PartnerUnreachable: as `Interrupted`, and nobody answers.
        """
        upload = Upload(self._partner, transfer, chunks, cancelled=cancelled, reconnect=reconnect)
        return upload.run(connections, progress)
