"""Taking turns: one thing at a time, and whoever waits is told for what."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

WAITING: Final = "waiting"
"""The step of a report of progress whose `detail` names what an operation waits for."""


class Turns:
    """Lets one caller at a time do something that takes long. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy_with = ""

    @contextmanager
    def turn(self, what: str, waits_for: Callable[[str], object]) -> Iterator[None]:
        """Have a turn, inside the `with` block.

        Args:
            what: is done in it, in words that follow "waiting for": `a backup`.
            waits_for: called with what another caller does, before it is waited for; not called if nobody has a turn.
        """
        if not self._lock.acquire(blocking=False):
            waits_for(self._busy_with)
            self._lock.acquire()
        self._busy_with = what
        try:
            yield
        finally:
            self._lock.release()
