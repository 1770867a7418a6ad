"""Read many files at the same time, each byte once, in bounded memory.

INVARIANT: a `Reading` that ends well has read exactly the file that was seen, and nobody wrote to it meanwhile.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

from engine.errors import ManifestError, SourceChanged
from engine.manifest.chunks import CHUNK_BYTES
from engine.manifest.walk import Seen, open_file, seen

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all, by one thread at a time."""

_Result = TypeVar("_Result")


class Reading:
    """One pass over one file, into a buffer that other passes use afterwards."""

    def __init__(self, descriptor: int, file: Seen, buffer: memoryview, tally: "_Tally") -> None:
        self.file = file
        self._descriptor, self._buffer, self._tally = descriptor, buffer, tally

    def prefix(self, size: int) -> bytes:
        """Return up to `size` first bytes of the file, without moving on."""
        try:
            return os.pread(self._descriptor, size, 0)
        except OSError as error:
            raise _failed(self.file.path, error) from None

    def pieces(self, sizes: Iterable[int]) -> Iterator[memoryview]:
        """Yield the next bytes of the file, piece by piece; each piece is good until the next is asked for.

        Args:
            sizes: of the pieces, at most 4 MiB each.

        Raises:
            SourceChanged: the file ends early.
        """
        for size in sizes:
            piece = self._buffer[:size]
            self._fill(piece)
            yield piece
            self._tally.add(size)

    def _fill(self, piece: memoryview) -> None:
        filled = 0
        while filled < len(piece):
            try:
                count = os.readv(self._descriptor, [piece[filled:]])
            except OSError as error:
                raise _failed(self.file.path, error) from None
            if count == 0:
                raise _changed(self.file.path)
            filled += count


def read_files(
    root: int,
    files: Sequence[Seen],
    read: Callable[[Reading], _Result],
    *,
    progress: Progress | None,
    threads: int,
) -> list[_Result]:
    """Give a `Reading` of each file to `read`, in several threads, and return what it made of them, in order.

    The first failure stops all threads, whatever they are at.

    Args:
        root: descriptor of the folder.
        files: as `walk` saw them.
        read: called once per file, in any thread.
        progress: told about every piece; what it raises stops the reading.
        threads: how many files to read at the same time, with a buffer of 4 MiB each.

    Raises:
        SourceChanged: a file is not what it was when it was seen.
        ManifestError: a file cannot be read.
    """
    buffers: SimpleQueue[memoryview] = SimpleQueue()
    for _ in range(threads):
        buffers.put(memoryview(bytearray(CHUNK_BYTES)))
    tally = _Tally(sum(file.size for file in files), progress)

    def read_one(file: Seen) -> _Result:
        buffer = buffers.get()
        try:
            with _opened(root, file) as descriptor:
                return read(Reading(descriptor, file, buffer, tally))
        except BaseException:
            tally.stop()
            raise
        finally:
            buffers.put(buffer)

    with ThreadPoolExecutor(threads, "reading") as pool:
        jobs = [pool.submit(read_one, file) for file in files]
        try:
            return [job.result() for job in jobs]
        except BaseException as error:  # noqa: BLE001 - raised again below
            tally.stop()
            pool.shutdown(cancel_futures=True)
            raise _cause(jobs, error) from None


@contextmanager
def _opened(root: int, file: Seen) -> Iterator[int]:
    """Open a file, and make sure before and after that it is the one that was seen, untouched."""
    try:
        descriptor = open_file(root, file.path)
    except OSError as error:
        raise _failed(file.path, error) from None
    try:
        _check_unchanged(descriptor, file)
        yield descriptor
        _check_unchanged(descriptor, file)
    finally:
        os.close(descriptor)


def _check_unchanged(descriptor: int, file: Seen) -> None:
    if seen(file.path, os.fstat(descriptor)) != file:
        raise _changed(file.path)


class _Stopped(Exception):  # noqa: N818 - no error: another thread's failure is
    """Another thread failed, so this one need not go on."""


class _Tally:
    """Adds up what the threads have read, and passes a failure of one on to all."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self.add(0)

    def add(self, count: int) -> None:
        with self._turn:
            if self._stopped.is_set():
                raise _Stopped
            self._done += count
            if self._progress is not None:
                self._progress(self._done, self._total)

    def stop(self) -> None:
        self._stopped.set()


def _cause(jobs: Iterable[Future[_Result]], error: BaseException) -> BaseException:
    """Return what really failed; the first job in order may only have been stopped because of it."""
    if not isinstance(error, _Stopped):
        return error
    failures = (job.exception() for job in jobs if not job.cancelled())
    return next(each for each in failures if each and not isinstance(each, _Stopped))


def _failed(path: str, error: OSError) -> ManifestError | SourceChanged:
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
        return _changed(path)
    return ManifestError(
        f"{path!r} cannot be read: {error.strerror}", remedy="Make it readable, or remove it from the folder."
    )


def _changed(path: str) -> SourceChanged:
    return SourceChanged(
        f"{path!r} changed while the folder was read",
        remedy="Wait until nobody writes to the folder, and begin again.",
    )
