"""A third party's witness as a process of its own."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the witness in `home` inside the block; return its process and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "engine.cli", "-C", str(home), "witness", "serve", "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            found = re.search(r"https?://\S+(?=;)", process.stderr.readline())
            assert found, process.stderr.read()
            yield process, found[0]
        finally:
            process.kill()
