"""What a verification found: a value, whatever state the log was in."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.audit.checkpoint import Checkpoint

PROBLEM_LIMIT: Final = 1000
"""How many problems are listed; the rest is counted."""


class Kind(StrEnum):
    """What a problem is about."""

    FILE = "file"
    SCHEMA = "schema"
    STRUCTURE = "structure"
    META = "meta"
    ENTRY = "entry"
    COLUMN = "column"
    PAYLOAD = "payload"
    ERASURE = "erasure"
    TIME = "time"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    COSIGNATURE = "cosignature"
    REMEMBERED = "remembered"
    ROLLBACK = "rollback"
    FORK = "fork"
    SEARCH = "search"
    MILESTONE = "milestone"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a log.

    Attributes:
        kind: what it is about.
        where: the place, such as `entry 5`, `tile/0/000` or `checkpoint 12`.
        message: what was found and what was expected.
    """

    kind: Kind
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of verifying a log.

    Attributes:
        size: how many entries the newest checkpoint covers; 0 if none verifies.
        checkpoint: the newest checkpoint that verifies.
        cosigned_by: names of the pinned witnesses whose cosignatures of that checkpoint verify, sorted.
        problems: what is wrong, at most `PROBLEM_LIMIT`.
        omitted: how many more problems there were.
        start: the first entry whose leaf, columns and payload were read; 0 when the whole log was.
        note: `checkpoint` as the log signed it.
    """

    size: int
    checkpoint: Checkpoint | None
    cosigned_by: tuple[str, ...]
    problems: tuple[Problem, ...]
    omitted: int
    start: int = 0
    note: bytes | None = None

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems

    @property
    def root(self) -> str | None:
        """The root hash of the newest checkpoint in hexadecimal, None if no checkpoint verifies."""
        return self.checkpoint.root.hex() if self.checkpoint else None


@dataclass(slots=True)
class Problems:
    """Collects problems while a log is verified."""

    found: list[Problem] = field(default_factory=list)
    omitted: int = 0

    def add(self, kind: Kind, where: str, message: str) -> None:
        """Note one problem."""
        if len(self.found) < PROBLEM_LIMIT:
            self.found.append(Problem(kind, where, message))
        else:
            self.omitted += 1

    def extend(self, others: "Problems") -> None:
        """Note what was found elsewhere, after what was found here."""
        room = PROBLEM_LIMIT - len(self.found)
        self.omitted += others.omitted + max(0, len(others.found) - room)
        self.found += others.found[:room]
