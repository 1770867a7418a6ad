"""Is there room? Sealing and packing cost a little, and a disk must never be filled to the last byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.errors import LadingError
from engine.findings import Finding, Severity

_PERCENT_NEEDED: Final = 105


@dataclass(frozen=True, slots=True)
class Space:
    """What storing an artifact takes; all in bytes.

    Attributes:
        free: asks the file system how much is free.
        size: how much will be stored, before sealing. Zero at a sender, which stores nothing.
        reserve: how much must stay free for logs and databases.
    """

    free: Callable[[], int]
    size: int
    reserve: int

    @property
    def needed(self) -> int:
        """The size and 5% (rounded up) for sealing, plus the reserve."""
        return -(-self.size * _PERCENT_NEEDED // 100) + self.reserve


def check_space(space: Space) -> Iterator[Finding]:
    """Find out whether as much is free as is needed."""
    try:
        free = space.free()
    except (OSError, LadingError) as error:
        yield Finding(
            "space-unknown",
            Severity.ERROR,
            "store",
            f"free space cannot be read: {error}; expected {space.needed} bytes free",
            "Check that the store's folder exists and is readable.",
        )
        return
    if free < space.needed:
        yield Finding(
            "space-short",
            Severity.ERROR,
            "store",
            f"found {free} bytes free, expected at least {space.needed} "
            f"({space.size} bytes to store, 5% for sealing, {space.reserve} in reserve)",
            f"Free at least {space.needed - free} bytes, or move the store to a larger disk.",
        )
