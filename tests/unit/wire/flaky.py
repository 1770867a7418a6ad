"""A network that breaks connections."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass


@dataclass
class Flaky:
    """A network in between: its first connections break after so many bytes towards the gateway."""

    target: int
    breaks: int
    after: int
    connections: int = 0

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        for thing in self._open:
            with suppress(OSError):
                thing.shutdown(socket.SHUT_RDWR)
            thing.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._open += [near, far]
                self.connections += 1
                room = self.after if self.connections <= self.breaks else 1 << 40
                threading.Thread(target=self._carry, args=(near, far, room), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, 1 << 40), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, room: int) -> None:
        with suppress(OSError):
            while room > 0 and (data := source.recv(min(room, 65536))):
                target.sendall(data)
                room -= len(data)
        for end in (source, target):
            with suppress(OSError):
                # Both ends see a reset, as when a router forgets a connection.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
