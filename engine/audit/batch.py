"""What waits for the log's next commit, and what that commit will append."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.audit.entry import Sealed
from engine.audit.head import Head
from engine.events import Event, Recorded


@dataclass(slots=True)
class Request:
    """One call of `record_many`, waiting for a commit."""

    events: Sequence[Event]
    recorded: list[Recorded] = field(default_factory=list)
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Batch:
    """What one transaction will append after `head`.

    Attributes:
        known: ids that were recorded before, and ids of which that is not sure.
        moment: the time that the batch's entries get, once one needs it.
    """

    head: Head
    known: frozenset[str]
    moment: str = ""
    entries: list[Sealed] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """When its last entry is recorded."""
        return self.entries[-1].public["time"] if self.entries else self.head.time

    def add(self, entry: Sealed) -> int:
        """Append an entry and return the index it will have."""
        position = self.positions[entry.public["id"]] = len(self.entries)
        self.entries.append(entry)
        return self.head.edge.range.size + position

    def cut(self, length: int) -> None:
        """Take back all but the first `length` entries."""
        for entry in self.entries[length:]:
            del self.positions[entry.public["id"]]
        del self.entries[length:]
