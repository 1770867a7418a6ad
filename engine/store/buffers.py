"""Buffers that are lent instead of allocated: fresh pages cost more than sealing what is put into them."""

from collections.abc import Iterator
from contextlib import contextmanager


class Buffers:
    """Lends buffers of one size, each to one borrower at a time; any number of threads may borrow.

    There are never more buffers than there were borrowers at once, and memory that nobody wrote to is not used.
    """

    def __init__(self, size: int) -> None:
        """Lend buffers of `size` bytes."""
        self._size = size
        self._idle: list[bytearray] = []

    @contextmanager
    def lend(self) -> Iterator[memoryview]:
        """Lend a buffer with whatever its last borrower left in it."""
        try:
            buffer = self._idle.pop()
        except IndexError:
            buffer = bytearray(self._size)
        try:
            yield memoryview(buffer)
        finally:
            self._idle.append(buffer)
