"""Bringing chunks over several connections at once, each with a thread and buffers of its own.

Chunks under `PACK_BELOW` travel together in packs. A broken connection is dialled again after a pause that doubles
each time; a refusal or a digest that differs is final, and stops every connection after what it is sending.
"""

import itertools
import os
import queue
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from engine.digest import sha256 as digest_of
from engine.errors import Interrupted, PartnerUnreachable, SourceChanged
from engine.store.sealed import PACK_BLOBS, PACK_LIMIT
from engine.wire.dial import Line, Partner, demand
from engine.wire.pack import BODY_LIMIT, head_size, write_head
from engine.wire.routes import TRANSFERS

PACK_BELOW: Final = 1 << 20
"""Chunks smaller than this, in bytes, travel in packs."""
ATTEMPTS: Final = 8
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0

_HELD: Final = 200
_CREATED: Final = 201


class Place(Protocol):
    """Where a chunk's bytes are."""

    def read(self, content: memoryview) -> int:
        """Fill `content` from its start; return how many bytes there were.

        Raises:
            OSError: they cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file.

    Attributes:
        path: of the file.
        offset: where the chunk begins there, in bytes.
    """

    path: Path
    offset: int

    def read(self, content: memoryview) -> int:
        """Fill `content` from the file."""
        filled = 0
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            while count := os.preadv(descriptor, [content[filled:]], self.offset + filled):
                filled += count
        finally:
            os.close(descriptor)
        return filled

    def __str__(self) -> str:
        """Name the file and the offset."""
        return f"{self.path} from byte {self.offset} on"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk to bring.

    Attributes:
        sha256: the digest that was offered.
        size: in bytes, at least 1.
        place: where its bytes are.
    """

    sha256: str
    size: int
    place: Place


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What was acknowledged so far.

    Attributes:
        chunks: how many.
        bytes: their content together.
        sent_twice: how many of them the partner held already.
        retries: how often something was sent again because the network failed.
        resent: how many chunks went out again, at least in part; a pack counts for every chunk in it.
    """

    chunks: int = 0
    bytes: int = 0
    sent_twice: int = 0
    retries: int = 0
    resent: int = 0


Job = tuple[Chunk, ...]
"""What one request carries: a large chunk, or a pack of small ones."""


def plan(chunks: Iterable[Chunk]) -> Iterator[Job]:
    """Divide chunks into jobs, in order as far as packs allow."""
    small: list[Chunk] = []
    room = PACK_LIMIT
    for chunk in chunks:
        if chunk.size >= PACK_BELOW:
            yield (chunk,)
            continue
        if chunk.size > room or len(small) == PACK_BLOBS:
            yield tuple(small)
            small, room = [], PACK_LIMIT
        small.append(chunk)
        room -= chunk.size
    if small:
        yield tuple(small)


class Upload:
    """One upload while it runs."""

    def __init__(
        self,
        partner: Partner,
        transfer: str,
        chunks: Iterable[Chunk],
        *,
        cancelled: threading.Event,
        reconnect: Callable[[], None],
    ) -> None:
        """Prepare; see `Courier.upload`."""
        self._partner = partner
        self._path = f"{TRANSFERS}/{transfer}"
        self._jobs = plan(chunks)
        self._jobs_lock = threading.Lock()
        self._cancelled = cancelled
        self._failed = threading.Event()
        self._reconnect = reconnect
        self._done: queue.SimpleQueue[UploadReport | BaseException | None] = queue.SimpleQueue()

    def run(self, connections: int, progress: Callable[[UploadReport], None]) -> UploadReport:
        """Bring everything over so many connections, and return what was acknowledged."""
        lanes = [
            threading.Thread(target=self._lane, name=f"upload {number}", daemon=True) for number in range(connections)
        ]
        for lane in lanes:
            lane.start()
        try:
            return self._follow(len(lanes), progress)
        finally:
            self._failed.set()
            for lane in lanes:
                lane.join()

    def _follow(self, running: int, progress: Callable[[UploadReport], None]) -> UploadReport:
        total = UploadReport()
        failure: BaseException | None = None
        while running:
            outcome = self._done.get()
            if isinstance(outcome, UploadReport):
                total = _sum(total, outcome)
                progress(total)
            else:
                running -= 1
                failure = failure or outcome
        if failure is not None:
            raise failure
        return total

    def _lane(self) -> None:
        line = Line(self._partner)
        buffer = memoryview(bytearray(BODY_LIMIT))
        try:
            while (job := self._next()) is not None:
                if (acknowledged := self._bring(line, job, buffer)) is not None:
                    self._done.put(acknowledged)
            self._done.put(None)
        except BaseException as error:  # noqa: BLE001 - the calling thread raises it
            self._failed.set()
            self._done.put(error)
        finally:
            line.hang_up()

    def _next(self) -> Job | None:
        with self._jobs_lock:
            if self._cancelled.is_set() or self._failed.is_set():
                return None
            return next(self._jobs, None)

    def _bring(self, line: Line, job: Job, buffer: memoryview) -> UploadReport | None:
        """Bring one job, and return what it came to; None if there was no time left to try again."""
        if len(job) == 1:
            path, body = f"{self._path}/chunks/{job[0].sha256}", _load(job[0], buffer)
        else:
            path, body = f"{self._path}/packs", _load_pack(job, buffer)
        resent = 0
        for retries in itertools.count():
            try:
                response = demand(line.ask("PUT", path, body), self._partner.organization, {_HELD, _CREATED})
            except (Interrupted, PartnerUnreachable) as broken:
                resent += len(job) if isinstance(broken, Interrupted) else 0
                if retries + 1 == ATTEMPTS:
                    raise
                if self._failed.wait(_pause(retries)) or self._cancelled.is_set():
                    return None
                self._reconnect()
            else:
                held = len(job) if response.status == _HELD else 0
                return UploadReport(len(job), sum(chunk.size for chunk in job), held, retries, resent)
        return None


def _pause(retries: int) -> float:
    """Return for how many seconds to wait: more each time, and never in step with the other connections."""
    return min(FIRST_PAUSE * 2.0**retries, LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _load(chunk: Chunk, buffer: memoryview) -> memoryview:
    """Read a chunk to the start of `buffer`. INVARIANT: what is returned has the digest that was offered."""
    content = buffer[: chunk.size]
    try:
        filled = chunk.place.read(content)
    except OSError as error:
        raise _changed(chunk, error.strerror or "unreadable") from None
    if filled != chunk.size or digest_of(content) != chunk.sha256:
        raise _changed(chunk, f"{chunk.size} bytes are no longer {chunk.sha256}")
    return content


def _load_pack(job: Job, buffer: memoryview) -> memoryview:
    at = head_size(len(job))
    buffer[:at] = write_head([(chunk.sha256, chunk.size) for chunk in job])
    for chunk in job:
        _load(chunk, buffer[at:])
        at += chunk.size
    return buffer[:at]


def _changed(chunk: Chunk, why: str) -> SourceChanged:
    return SourceChanged(
        f"{chunk.place} is not what was offered: {why}",
        remedy="Put the file back as it was packed and run it again, or pack it as a new version.",
    )


def _sum(one: UploadReport, other: UploadReport) -> UploadReport:
    return UploadReport(
        one.chunks + other.chunks,
        one.bytes + other.bytes,
        one.sent_twice + other.sent_twice,
        one.retries + other.retries,
        one.resent + other.resent,
    )
