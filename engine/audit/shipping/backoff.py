"""How long to wait after a failure: twice as long each time, up to a minute."""

from collections.abc import Callable, Iterator
from typing import Final

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 60.0


def pauses(spread: Callable[[], float]) -> Iterator[float]:
    """Yield seconds to wait, for ever.

    Args:
        spread: gives numbers from 0 to 1, so that many senders do not come back at once.
    """
    seconds = FIRST_SECONDS
    while True:
        yield seconds * (0.5 + spread() / 2)
        seconds = min(LONGEST_SECONDS, 2 * seconds)
