"""A gateway as a process of its own, and commands beside it."""

import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue
from socket import socket
from threading import Thread
from typing import Any

LADING = [sys.executable, "-m", "engine.cli"]
BOUND = 60.0


class Gateway:
    """A real gateway process; what it says is read line by line."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._said: Queue[str] = Queue()
        self._process = subprocess.Popen([*LADING, "-C", str(home), "gateway"], stderr=subprocess.PIPE, text=True)
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._said.put(line)

    def hears(self, pattern: str) -> str:
        """Wait until the gateway says something that matches; return it."""
        heard = ""
        while True:
            try:
                line = self._said.get(timeout=BOUND)
            except Empty:
                raise AssertionError(f"the gateway never said {pattern!r}, but {heard!r}") from None
            heard += line
            if re.search(pattern, line):
                return line

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(BOUND) == 0
        self._listener.join(BOUND)
        if self._process.stderr is not None:
            self._process.stderr.close()


def lading(home: Path, *words: str, who: str | None = None, code: int = 0) -> Any:
    """Run a command in a process of its own, which has the gateway do the work; return its JSON."""
    named = ["--as", who] if who else []
    done = subprocess.run(
        [*LADING, "-C", str(home), *named, *words, "--json"], capture_output=True, text=True, check=False, timeout=BOUND
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
