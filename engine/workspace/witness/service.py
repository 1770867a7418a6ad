"""`lading witness serve`: a third party's witness as an HTTP service."""

import ipaddress
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.audit.witness import Witness
from engine.errors import LadingError, UsageError
from engine.wire.witness_server import TlsFiles, serve_witness, witness_context
from engine.workspace.keys import read_secret
from engine.workspace.settings import listen_address
from engine.workspace.witness.folder import WitnessFolder

logger = logging.getLogger("lading.witness")

UNAVAILABLE: Final = 503


def serve(home: Path, listen: str, tls: TlsFiles | None, *, on_ready: Callable[[str], None]) -> None:
    """Serve the witness in a folder until SIGINT or SIGTERM.

    Args:
        home: the witness's folder.
        listen: address and port.
        tls: certificate files for HTTPS; without them only this machine is served, for a proxy.
        on_ready: called with the witness's URL once connections are taken.

    Raises:
        UsageError: the address is malformed or taken, or would be served to others in plain text.
        OwnerBusy: another process cosigns with this witness.
    """
    host, port = _address(listen)
    if tls is None and not ipaddress.ip_address(host).is_loopback:
        raise UsageError(
            f"{listen} would be served in plain text to others",
            remedy="Give --certificate and --key, or listen on 127.0.0.1 behind a proxy that speaks HTTPS.",
        )
    if tls is not None:
        read_secret(tls.key)
    context = witness_context(tls) if tls else None
    folder = WitnessFolder(home)
    with folder.cosigning() as witness, _bound(host, port) as listening:
        url = f"{'https' if tls else 'http'}://{listen}"
        serve_witness(listening, answering(folder, witness), tls=context, on_ready=lambda: on_ready(url))


def answering(folder: WitnessFolder, witness: Witness) -> Callable[[bytes], tuple[int, str, bytes]]:
    """Return the service's answers: the witness's own, and 503 when it cannot keep its memory."""

    def answer(body: bytes) -> tuple[int, str, bytes]:
        try:
            said = folder.judge(witness, body)
        except (LadingError, OSError):
            logger.exception("a checkpoint could not be judged; nothing was cosigned")
            return UNAVAILABLE, "text/plain; charset=utf-8", b"this witness cannot cosign now\n"
        return said.status, said.content_type, said.body

    return answer


def _address(listen: str) -> tuple[str, int]:
    try:
        host, _, port = listen_address(listen).rpartition(":")
    except ValueError as error:
        raise UsageError(f"--listen: {error}", remedy="Give an address and a port, such as 127.0.0.1:8444.") from None
    return host.strip("[]"), int(port)


def _bound(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(
            f"the witness cannot listen on {host}:{port}: {error.strerror}", remedy="Choose another --listen."
        ) from None
