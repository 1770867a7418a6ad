"""What each kind of problem with a log means, what to do about it, and who else can tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.audit.verification import Kind

_HERE: Final = "whoever has the database and the log's verifier key"
_WITNESSES: Final = "the partners and witnesses that cosigned or were shown a checkpoint of at least that size"
_NOBODY: Final = "nobody but this organization: it is kept here alone"
_REPAIR: Final = (
    "The evidence is not touched. 'lading audit repair' rebuilds it, if nothing else is wrong; find out what wrote it."
)
_KEEP: Final = "Keep a copy of the file, and find out who could write to it. Verify a backup, restored elsewhere."


@dataclass(frozen=True, slots=True)
class Meaning:
    """A kind of problem in plain words.

    Attributes:
        means: what it says about the log.
        remedy: what to do.
        tells: who else can find it.
    """

    means: str
    remedy: str
    tells: str


MEANINGS: Final[Mapping[Kind, Meaning]] = {
    Kind.FILE: Meaning("The database cannot be read at all.", _KEEP, _HERE),
    Kind.SCHEMA: Meaning(
        "The tables are not those that lading makes: somebody or another release changed them.",
        _KEEP,
        _HERE,
    ),
    Kind.STRUCTURE: Meaning(
        "Pages or indexes of the database contradict each other, as after a bad disk.", _REPAIR, _HERE
    ),
    Kind.META: Meaning("The database says it is another log, or has another key, than the one pinned.", _KEEP, _HERE),
    Kind.ENTRY: Meaning(
        "An entry was edited, moved, added or taken away after its checkpoint was signed.", _KEEP, _HERE
    ),
    Kind.COLUMN: Meaning(
        "A column that only repeats a leaf says something else. Lists and searches may have shown it; proofs did not.",
        _REPAIR,
        _HERE,
    ),
    Kind.PAYLOAD: Meaning(
        "The text beside an entry (names, reasons) was swapped, taken away or brought back. What happened, and when, "
        "still stands in the leaf.",
        _KEEP,
        f"{_HERE}; a partner cannot, as payloads never leave",
    ),
    Kind.ERASURE: Meaning(
        "An erasure was cut short, or an older copy of the database brought back what it removed.",
        "Nothing is lost: 'lading audit retain', or the gateway when it starts, finishes what the log says is erased.",
        _HERE,
    ),
    Kind.TIME: Meaning(
        "The log signed an entry that is older than the one before: a clock was set back.", _KEEP, _HERE
    ),
    Kind.TILE: Meaning("The stored hashes of the tree are not those of the leaves.", _REPAIR, _HERE),
    Kind.CHECKPOINT: Meaning(
        "A stored checkpoint was not signed by the log's key, or not over these entries.", _KEEP, _HERE
    ),
    Kind.COSIGNATURE: Meaning(
        "A witness's word was changed or taken away, or its key is not pinned (any more).",
        "Pin the witness again if it was only unpinned; otherwise ask it for its newest cosignature, and keep both.",
        "the witness",
    ),
    Kind.REMEMBERED: Meaning(
        "What is kept outside the database as a checkpoint of this log is none.",
        "Restore state/remembered.jsonl from a backup, and find out who could write to it.",
        _NOBODY,
    ),
    Kind.ROLLBACK: Meaning(
        "The database is older than what was seen of it: an older copy was put in its place.",
        "Record nothing. Put the newer database back; if it is lost, open the next log with 'lading backup continue'.",
        _WITNESSES,
    ),
    Kind.FORK: Meaning(
        "The log has two histories. Only whoever has its key can have signed both.",
        "Record nothing, keep both checkpoints, and tell partners and witnesses. Treat the log's key as stolen.",
        _WITNESSES,
    ),
    Kind.SEARCH: Meaning(
        "The full-text index does not say what the log says: searches may have missed entries.", _REPAIR, _NOBODY
    ),
    Kind.MILESTONE: Meaning(
        "The note of how far this machine verified the log is not one. Only incremental verification uses it.",
        _REPAIR,
        _NOBODY,
    ),
}
"""Every kind has its meaning."""
