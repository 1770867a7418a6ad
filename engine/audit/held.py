"""Since when a log does not hold together: the newest checkpoint that its leaves still have the root of.

Only checkpoints that somebody else knows count: remembered outside the database, or cosigned by a witness. Whoever
has the log's key can sign any other.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engine.audit import schema
from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.merkle import Range, leaf_hash
from engine.audit.note import NoteKey
from engine.audit.verification import Kind, Problem
from engine.audit.verify import literal_text
from engine.errors import LadingError
from engine.events import timestamp

_PAGE: Final = 1024
_ENTRY: Final = re.compile(r"entry ([0-9]{1,18})\b")
_CHECKPOINT: Final = re.compile(r"checkpoint ([0-9]{1,18})\b")
_COSIGNED: Final = "SELECT note, line FROM checkpoint JOIN cosignature USING (size)"


@dataclass(frozen=True, slots=True)
class Held:
    """Up to where a log held together, and by whose word.

    Attributes:
        checkpoint: the newest known one that the leaves before the first difference have the root of.
        remembered: whether it is remembered outside the database.
        cosigned: the witnesses that cosigned it, with their times (RFC 3339, UTC), the first one first.
    """

    checkpoint: Checkpoint
    remembered: bool
    cosigned: tuple[tuple[str, str], ...]


def held_until(
    path: Path,
    problems: Sequence[Problem],
    *,
    key: NoteKey,
    remembered: Iterable[bytes] = (),
    witnesses: Iterable[NoteKey] = (),
) -> Held | None:
    """Return up to where a log that does not verify held together; None if no known checkpoint shows that.

    Args:
        path: the log's database.
        problems: what a verification found.
        key: the log's key, pinned outside the database.
        remembered: signed checkpoints of this log that were seen before.
        witnesses: the pinned keys of every witness whose cosignatures the log may hold.
    """
    keys = [key, *witnesses]
    known: dict[Checkpoint, Held] = {}
    for note in remembered:
        _learn(known, note, keys, remembered=True)
    with suppress(sqlite3.Error), closing(schema.open_reader(path)) as db, literal_text(db):
        db.execute("BEGIN")
        with suppress(sqlite3.Error):
            for note, line in db.execute(_COSIGNED):
                if isinstance(note, bytes) and isinstance(line, str):
                    _learn(known, note + line.encode("utf-8", "surrogateescape"), keys, remembered=False)
        return _newest(db, known, _intact(problems))
    return None


def _learn(known: dict[Checkpoint, Held], note: bytes, keys: Sequence[NoteKey], *, remembered: bool) -> None:
    """Take up a checkpoint that verifies; without remembering, only if it is cosigned."""
    with suppress(LadingError):
        signed = open_checkpoint(note, keys)
        if not remembered and not signed.cosigned:
            return
        before = known.get(signed.checkpoint, Held(signed.checkpoint, False, ()))
        now = {(each.key.name, _time(each.time)) for each in signed.cosigned if each.time is not None}
        cosigned = tuple(sorted({*before.cosigned, *now}, key=lambda each: (each[1], each[0])))
        known[signed.checkpoint] = Held(signed.checkpoint, before.remembered or remembered, cosigned)


def _intact(problems: Iterable[Problem]) -> int:
    """Return how many entries lie before the first difference."""
    first = 2**63
    for problem in problems:
        if entry := _ENTRY.match(problem.where):
            first = min(first, int(entry[1]))
        elif problem.kind is Kind.FORK and (contradicted := _CHECKPOINT.match(problem.where)):
            first = min(first, int(contradicted[1]) - 1)
    return first


def _newest(db: sqlite3.Connection, known: dict[Checkpoint, Held], intact: int) -> Held | None:
    """Go over the leaves as far as there are any, and return the newest of the known checkpoints they agree with."""
    by_size: dict[int, list[Held]] = {}
    for held in known.values():
        if 0 < held.checkpoint.size <= intact:
            by_size.setdefault(held.checkpoint.size, []).append(held)
    last, tree, found = max(by_size, default=0), Range(), None
    with suppress(sqlite3.Error):
        for leaf in _leaves(db, last):
            tree.append(leaf_hash(leaf))
            for held in by_size.get(tree.size, ()):
                if held.checkpoint.root == tree.root():
                    found = held
    return found


def _leaves(db: sqlite3.Connection, count: int) -> Iterator[bytes]:
    """Return the first leaves in order, up to the first that is missing."""
    for start in range(0, count, _PAGE):
        query = "SELECT idx, leaf FROM event WHERE idx >= ? AND idx < ? ORDER BY idx"
        page: list[Any] = db.execute(query, (start, min(start + _PAGE, count))).fetchall()
        for expected, (index, leaf) in enumerate(page, start):
            if index != expected or not isinstance(leaf, bytes):
                return
            yield leaf
        if len(page) < min(_PAGE, count - start):
            return


def _time(seconds: int) -> str:
    with suppress(ValueError, OverflowError, OSError):
        return timestamp(datetime.fromtimestamp(seconds, UTC))
    return f"{seconds} s after 1970"
