"""How fast transfers move, worked out from successive looks at them."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

WINDOW_SECONDS = 10.0


@dataclass(slots=True)
class Pace:
    """The speed of one transfer over the last ten seconds.

    One look tells nothing; a transfer that went backwards (a resume that counts anew) starts over.
    """

    _samples: deque[tuple[datetime, int]] = field(default_factory=deque)

    def observe(self, bytes_done: int, at: datetime) -> None:
        """Note how many bytes were done at a moment."""
        if self._samples and (bytes_done < self._samples[-1][1] or at < self._samples[-1][0]):
            self._samples.clear()
        self._samples.append((at, bytes_done))
        while len(self._samples) > 2 and (at - self._samples[1][0]).total_seconds() >= WINDOW_SECONDS:  # noqa: PLR2004
            self._samples.popleft()

    @property
    def bytes_per_second(self) -> float | None:
        """The mean speed over the window, or None before a second look."""
        if len(self._samples) < 2:  # noqa: PLR2004 - a speed needs two points
            return None
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        elapsed = (end - start).total_seconds()
        return (after - before) / elapsed if elapsed > 0 else None

    def seconds_left(self, bytes_left: int) -> float | None:
        """How long the rest will take at this speed, or None while nothing moves."""
        speed = self.bytes_per_second
        return bytes_left / speed if speed else None
