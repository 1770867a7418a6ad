"""The owner's side of listener processes: several of them share one listening socket, and each is kept alive.

For new certificates or new trust, new processes start first; only when they take connections are the old ones told
to finish. A process that dies is replaced, after a pause that doubles as long as its successors die too. All of
them die with the owner, because the control socket each holds then ends.
"""

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from engine.errors import WireError
from engine.wire.config import ListenerConfig

START_SECONDS: Final = 30.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
HEALTHY_SECONDS: Final = 60.0
"""A process that lived this long is not held responsible for those that died before it."""
_GRACE_SECONDS: Final = 5.0


class Listeners:
    """The listener processes of one gateway."""

    def __init__(self, listening: socket.socket, config: ListenerConfig, *, count: int) -> None:
        """Prepare to listen.

        Args:
            listening: bound and listening TCP socket. It stays the caller's: while processes are replaced, it is
                what new connections wait in.
            config: what each process is told.
            count: how many processes.
        """
        self._listening = listening
        self._config = config
        self._count = count
        self._keepers: list[_Keeper] = []
        self._leaving: list[_Keeper] = []

    def start(self) -> None:
        """Start the processes, and return when all of them take connections.

        Raises:
            WireError: one of them did not start; none is left running.
        """
        self.replace(self._config)

    def replace(self, config: ListenerConfig) -> None:
        """Have new processes take over, with another certificate or other bundles. Returns when they have.

        The old ones take no connection any more, and finish what is running, for as long as `Limits.drain` allows.

        Raises:
            WireError: a new process did not start; the old ones go on.
        """
        fresh = [_Keeper(self._listening, config) for _ in range(self._count)]
        if not all(keeper.serves() for keeper in fresh):
            self._end(fresh)
            raise WireError(
                "a listener process did not start",
                remedy="What it said stands above, in the error output of this process.",
            )
        self._end(self._leaving)
        self._leaving, self._keepers, self._config = self._keepers, fresh, config
        for keeper in self._leaving:
            keeper.retire()
        for keeper in self._leaving:
            keeper.closes()

    def stop(self) -> None:
        """Have all processes finish what is running, and stop."""
        self._end(self._keepers + self._leaving)
        self._keepers, self._leaving = [], []

    def _end(self, keepers: list["_Keeper"]) -> None:
        for keeper in keepers:
            keeper.retire()
        for keeper in keepers:
            keeper.join(self._config.limits.drain + _GRACE_SECONDS)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that are running now."""
        return [pid for keeper in self._keepers if (pid := keeper.pid) is not None]


class _Keeper:
    """Keeps one listener process alive, from a thread of its own, until it is retired."""

    def __init__(self, listening: socket.socket, config: ListenerConfig) -> None:
        self._listening = listening
        self._config = config
        self._first: Future[bool] = Future()
        self._retired = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="listener keeper", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        with self._lock:
            return self._process.pid if self._process else None

    def serves(self) -> bool:
        """Wait until the first process takes connections; False if it died before, or takes too long."""
        try:
            return self._first.result(START_SECONDS)
        except TimeoutError:
            return False

    def retire(self) -> None:
        """Tell the process to finish, and start no other."""
        with self._lock:
            self._retired.set()
            if self._process is not None:
                self._process.terminate()

    def closes(self) -> bool:
        """Wait until a retired process takes no connection any more; False if that takes too long."""
        return self._closed.wait(START_SECONDS)

    def join(self, seconds: float) -> None:
        """Wait for the process to end; kill it when it takes too long."""
        self._thread.join(seconds)
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _keep(self) -> None:
        # Ctrl-C reaches every process of a terminal; what it means is for the owner to decide. Processes inherit what
        # the thread that starts them blocks, and so are deaf to it from their first moment.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        pause = FIRST_PAUSE
        while not self._retired.is_set():
            started = time.monotonic()
            self._run()
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            self._retired.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._closed.set()

    def _run(self) -> None:
        """Run one process from its start to its end."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock:
                if self._retired.is_set():
                    return
                process = self._process = self._spawn(theirs)
            serving = self._introduce(ours)
            if not self._first.done():
                self._first.set_result(serving)
            # The next byte says that no connection is taken any more; whoever was not retired has a successor.
            if serving and _hears(ours) and self._retired.is_set():
                self._closed.set()
            process.wait()
        with self._lock:
            self._process = None

    def _introduce(self, control: socket.socket) -> bool:
        with suppress(ConnectionError):
            control.sendall(self._config.line())
            return _hears(control)
        return False

    def _spawn(self, control: socket.socket) -> "subprocess.Popen[bytes]":
        descriptors = (control.fileno(), self._listening.fileno())
        # -P: the folder that the owner happens to run in is no place to import from.
        command = [sys.executable, "-P", "-m", "engine.wire.worker", *map(str, descriptors)]
        return subprocess.Popen(command, pass_fds=descriptors, stdin=subprocess.DEVNULL)


def _hears(control: socket.socket) -> bool:
    """Wait for the next byte that a process says; False if it ended."""
    try:
        return bool(control.recv(1))
    except ConnectionError:
        return False
