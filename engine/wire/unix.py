"""Unix sockets: addresses of any length, and HTTP over one."""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import WorkspaceError

LONGEST: Final = 103
"""The longest address in bytes that every system takes (Linux: 107, macOS: 103)."""

_DESCRIPTORS: Final = Path("/proc/self/fd")


@contextmanager
def unix_address(path: Path) -> Iterator[str]:
    """Return an address for the socket at `path` that is short enough, valid inside the `with` block.

    A long path is reached through a descriptor of its folder, where the system has such addresses.

    Raises:
        WorkspaceError: the path is too long, and the system has no way around it.
        OSError: its folder cannot be opened.
    """
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        address = f"{_DESCRIPTORS}/{folder}/{path.name}"
        if not _DESCRIPTORS.is_dir() or len(os.fsencode(address)) > LONGEST:
            raise WorkspaceError(
                f"{path} is {len(os.fsencode(path))} bytes long; the address of a socket may have {LONGEST}",
                remedy="Move the workspace to a folder with a shorter path.",
            )
        yield address
    finally:
        os.close(folder)


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a unix socket. Its errors are those of `http.client` and `OSError`."""

    def __init__(self, path: Path, *, timeout: float | None) -> None:
        """Prepare a connection.

        Args:
            path: of the socket.
            timeout: seconds that a single read or write may take; None for as long as it takes.
        """
        super().__init__("owner", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with unix_address(self._path) as address:
            self.sock.connect(address)
