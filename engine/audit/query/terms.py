"""What a filter is made of: tests of one field each, joined by and, or and not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from engine.audit.entry import COLUMNS


class Kind(StrEnum):
    """How the value of a field is written and compared."""

    NAME = "name"
    DIGEST = "digest"
    ACTOR = "actor"
    DECISION = "decision"
    MOMENT = "moment"
    RANGE = "range"


FIELDS: dict[str, Kind] = {
    "type": Kind.NAME,
    "actor": Kind.ACTOR,
    "partner": Kind.NAME,
    "transfer": Kind.NAME,
    "artifact": Kind.DIGEST,
    "agreement": Kind.DIGEST,
    "decision": Kind.DECISION,
    "policy": Kind.DIGEST,
    "statement": Kind.DIGEST,
    "id": Kind.NAME,
    "since": Kind.MOMENT,
    "until": Kind.MOMENT,
    "entry": Kind.RANGE,
}
"""Every field of the language, and how its values are written."""

DECISIONS = ("permit", "deny", "failsafe")


@dataclass(frozen=True, slots=True)
class Like:
    """An attribute of the leaf reads like a pattern, in which `*` stands for any text.

    Attributes:
        column: one of `engine.audit.entry.COLUMNS`.
        pattern: what it has to be; an entry that lacks the attribute does not meet it.
    """

    column: str
    pattern: str

    def __post_init__(self) -> None:
        """Let no other name into a statement of SQL."""
        if self.column not in COLUMNS:
            raise ValueError(self.column)


@dataclass(frozen=True, slots=True)
class Between:
    """An entry's time: from `since` on and before `until`, both RFC 3339 in UTC with milliseconds; None is open."""

    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """An entry's index: from `first` to `last`, both included; None is open."""

    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one after another in one text of the entry.

    Attributes:
        words: the words, folded (see `engine.audit.query.words`), at least one.
        open: the last word may go on.
    """

    words: tuple[str, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Not:
    """What the term does not meet."""

    term: "Term"


@dataclass(frozen=True, slots=True)
class All:
    """What meets every term; with none, everything does."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """What meets one of the terms."""

    terms: tuple["Term", ...]


Term: TypeAlias = Like | Between | Places | Phrase | Not | All | Some

EVERYTHING = All(())


def has_phrase(term: Term) -> bool:
    """Say whether a filter looks for words."""
    match term:
        case Phrase():
            return True
        case Not(inner):
            return has_phrase(inner)
        case All(terms) | Some(terms):
            return any(map(has_phrase, terms))
        case _:
            return False
