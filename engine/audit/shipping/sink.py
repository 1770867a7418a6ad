"""What every destination has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.audit.export.record import Exported


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries on their way.

    Attributes:
        key: stays the same when the batch is repeated.
        entries: the entries, ascending.
    """

    key: str
    entries: Sequence[Exported]


class NotTaken(Exception):  # noqa: N818 - reads as the outcome it names
    """The other side did not take a batch; it is to be repeated.

    Attributes:
        wait_seconds: how long the other side asks us to wait, None if it does not say.
    """

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


class Sink(Protocol):
    """A destination."""

    def send(self, batch: Batch) -> None:
        """Return once the other side has the whole batch.

        Raises:
            NotTaken: it may not have it; send it again.
            WireError: it never will.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
