"""An aiohttp application on a unix socket, served from a thread of its own."""

import asyncio
import secrets
import socket
import stat
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.errors import WorkspaceError
from engine.wire.unix import unix_address

BACKLOG: Final = 128
DRAIN_SECONDS: Final = 10.0


class UnixServer:
    """Serves one application on one unix socket, for the same OS user only.

    A handler is cancelled when its client goes away.
    """

    def __init__(self, path: Path, app: web.Application) -> None:
        """Prepare to serve.

        Args:
            path: of the socket; a socket that a dead process left there is replaced.
            app: what answers.
        """
        self._path = path
        self._app = app
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._identity: tuple[int, int] | None = None

    def start(self) -> None:
        """Bind the socket (0600), and return when the application answers on it.

        Raises:
            WorkspaceError: the socket cannot be made, or something else is in its place.
        """
        listening = _bind(self._path)
        status = self._path.lstat()
        self._identity = (status.st_dev, status.st_ino)
        ready: Future[None] = Future()
        name = f"serving {self._path.name}"
        self._thread = threading.Thread(target=self._run, args=(listening, ready), name=name, daemon=True)
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let running handlers finish for a while, cancel the rest, and remove the socket."""
        if self._thread is None:
            return
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None
        try:
            status = self._path.lstat()
        except FileNotFoundError:
            return
        if self._identity == (status.st_dev, status.st_ino):
            self._path.unlink()

    def _run(self, listening: socket.socket, ready: "Future[None]") -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve(listening, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            listening.close()

    async def _serve(self, listening: socket.socket, ready: "Future[None]") -> None:
        runner = web.AppRunner(self._app, access_log=None, handler_cancellation=True, shutdown_timeout=DRAIN_SECONDS)
        await runner.setup()
        try:
            await web.SockSite(runner, listening, backlog=BACKLOG).start()
            ready.set_result(None)
            await self._stopping.wait()
        finally:
            await runner.cleanup()


def _bind(path: Path) -> socket.socket:
    """Bind under a name nobody knows, close it to others, and only then give it its own name."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    hidden = path.with_name(f".{secrets.token_hex(4)}")
    try:
        _vacate(path)
        with unix_address(hidden) as address:
            listening.bind(address)
        hidden.chmod(0o600)
        listening.listen(BACKLOG)
        hidden.rename(path)
    except OSError as error:
        listening.close()
        hidden.unlink(missing_ok=True)
        raise WorkspaceError(
            f"the socket {path} cannot be made: {error.strerror}",
            remedy=f"Check that {path.parent} exists and that this user may write there.",
        ) from error
    except BaseException:
        listening.close()
        raise
    return listening


def _vacate(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise WorkspaceError(
                f"{path} is there, and is no socket", remedy="Move it away: the owner's socket goes there."
            )
