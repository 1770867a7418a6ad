"""Values that take long to make, kept until newer ones need the room.

`functools.lru_cache` counts values. These differ in size by a factor of a thousand, so here they are weighed.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Kept(Generic[Key, Made]):
    """A function that remembers what it returned. Threads may share it; what raises is not remembered.

    Args:
        make: makes a value for a key.
        weigh: says how much room the value for a key takes.
        room: how much all values may take together; what takes more by itself is made each time.
    """

    def __init__(self, make: Callable[[Key], Made], weigh: Callable[[Key, Made], int], room: int) -> None:
        self._make = make
        self._weigh = weigh
        self._room = room
        self._taken = 0
        self._lock = threading.Lock()
        self._kept: dict[Key, tuple[Made, int]] = {}

    def __call__(self, key: Key) -> Made:
        """Return the value for a key."""
        with self._lock:
            known = self._kept.pop(key, None)
            if known is not None:
                self._kept[key] = known  # the last is the newest
                return known[0]
        made = self._make(key)
        weight = self._weigh(key, made)
        if weight <= self._room:
            self._keep(key, made, weight)
        return made

    def _keep(self, key: Key, made: Made, weight: int) -> None:
        with self._lock:
            _, replaced = self._kept.pop(key, (None, 0))  # another thread may have been faster
            self._kept[key] = (made, weight)
            self._taken += weight - replaced
            while self._taken > self._room:
                oldest = next(iter(self._kept))
                self._taken -= self._kept.pop(oldest)[1]
