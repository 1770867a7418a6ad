"""Asking a workspace's log: filters with names, pages, proofs; for the command line and for screens alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.entry import COLUMNS, pseudonym
from engine.audit.note import NoteKey
from engine.audit.query.complete import Candidate, complete
from engine.audit.query.cursor import Cursor, bound, read_cursor
from engine.audit.query.find import Found, Search, Source, find
from engine.audit.query.parse import Asker, parse, without_key
from engine.audit.query.terms import Term, has_phrase
from engine.audit.reader import LogReader, RowState
from engine.digest import JSON
from engine.errors import LadingError, WorkspaceError
from engine.events import Clock, system_clock, timestamp
from engine.workspace.keys import secret_key
from engine.workspace.layout import Layout

UNCHECKED: Final = "unchecked"

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A page of what a filter lets through.

    Attributes:
        text: the filter.
        limit: entries on the page.
        after: the cursor under the page before, None for the first one.
        newest_first: the order; a cursor keeps the one it was begun with.
        prove: check the proof of each row against the newest checkpoint.
        thorough: read every leaf instead of looking at columns and index.
        origin: of which log, or the number at the end of its origin; None for the one that is written now.
    """

    text: str
    limit: int = 40
    after: str | None = None
    newest_first: bool = True
    prove: bool = False
    thorough: bool = False
    origin: str | None = None


class LogQuestions:
    """Reads filters and answers them from one reader of the log.

    Args:
        layout: the workspace's paths.
        log: the reader; its index for full text is attached when a filter first asks for words.
        clock: what relative times are counted from.
        keys: returns the pinned keys of the log, once proofs are wanted.
        former: whether nothing is appended to it any more; then it has no index for full text.
    """

    def __init__(
        self,
        layout: Layout,
        log: LogReader,
        clock: Clock = system_clock,
        *,
        keys: Callable[[], Sequence[NoteKey]],
        former: bool = False,
    ) -> None:
        self.layout = layout
        self.log = log
        self.keys = keys
        self._former = former
        self._clock = clock
        self._indexed = 0

    def read(self, text: str, now: datetime | None = None) -> Term:
        """Read a filter.

        Raises:
            FilterError: it cannot be read.
            LadingError: it names a person, and this user cannot read the pseudonym key.
        """
        return parse(text, Asker(now or self._clock(), self._pseudonym))

    def source(self, term: Term, size: int, *, thorough: bool, progress: Progress = lambda _: None) -> Source:
        """Say where to look for a filter, having brought the full-text index up to date if words are wanted.

        Where the index cannot be used (by a user who may only read), every leaf is read instead.
        """
        if thorough:
            return Source.LEAVES
        if not has_phrase(term):
            return Source.COLUMNS
        return Source.INDEX if not self._former and self._index(size, progress) else Source.LEAVES

    def _index(self, size: int, progress: Progress) -> bool:
        if 0 < size <= self._indexed:
            return True
        from engine.audit.search import SearchIndex  # heavy: screens pay for it only when words are wanted

        index = SearchIndex(self.layout.search_database, self.log)
        with suppress(WorkspaceError):  # an index that this user cannot write may still be complete
            index.catch_up(size, lambda done, total: progress({"step": "indexing", "done": done, "total": total}))
        self._indexed = size if index.attach(size) else 0
        return self._indexed > 0

    def _pseudonym(self, name: str) -> str:
        try:
            return pseudonym(secret_key(self.layout.keys, "pseudonym"), name)
        except (LadingError, OSError):
            return without_key(name)


@contextmanager
def asking(home: Path, clock: Clock = system_clock, origin: str | None = None) -> Iterator[LogQuestions]:
    """Open one of a workspace's logs for questions; see `engine.workspace.log.record.log_named`."""
    from engine.workspace.log.record import log_layout, log_named

    layout = log_layout(home)
    path = layout.audit_database if origin is None else log_named(layout, origin)[0]
    with LogReader(path) as log:
        keys = partial(_pinned, layout, origin)
        yield LogQuestions(layout, log, clock, keys=keys, former=path != layout.audit_database)


def _pinned(layout: Layout, origin: str | None) -> list[NoteKey]:
    from engine.workspace.log.record import log_named

    return [log_named(layout, origin)[1]]


def ask_log(
    home: Path, question: Question, progress: Progress = lambda _: None, clock: Clock = system_clock
) -> dict[str, JSON]:
    """Answer a question: a page of entries, where was looked, and the cursor of the next page.

    Raises:
        FilterError: the filter cannot be read.
        InputError: the cursor is not this filter's.
        LadingError: the log cannot be read, or proofs are wanted and its checkpoint does not verify.
    """
    with asking(home, clock, question.origin) as questions:
        log = questions.log
        origin = log.origin
        cursor = _first(question, origin, log.size, clock())
        if question.after is not None:
            cursor = read_cursor(question.after, filter_text=question.text, origin=origin, size=log.size)
        term = questions.read(question.text, cursor.moment)
        source = questions.source(term, cursor.size, thorough=question.thorough, progress=progress)
        first, end = (0, cursor.next + 1) if cursor.newest_first else (cursor.next, cursor.size)
        search = Search(term, source, first, min(end, cursor.size), cursor.newest_first)
        found = list(islice(find(log, search), question.limit + 1))
        page = found[: question.limit]
        checkpoint = proving_checkpoint(questions) if question.prove else None
        rows = [shown(one, proof_state(log, one, checkpoint)) for one in page]
    following = _after(cursor, page[-1].row.index) if len(found) > len(page) else None
    return {
        "entries": list(rows),
        "broken": sum(one["proof"] == RowState.BROKEN for one in rows),
        "size": cursor.size,
        "checkpoint": checkpoint.size if checkpoint else None,
        "searched": source.value,
        "next": following,
    }


def proving_checkpoint(questions: LogQuestions) -> Checkpoint:
    """Return the newest checkpoint, its signature verified with the key pinned in the own trust document."""
    return open_checkpoint(questions.log.newest_checkpoint(), questions.keys()).checkpoint


def proof_state(log: LogReader, found: Found, checkpoint: Checkpoint | None) -> str:
    """Return what is known of a row's proof, in a word."""
    if found.entry is None:
        return RowState.BROKEN.value
    return UNCHECKED if checkpoint is None else log.check_row(found.row, checkpoint).value


def shown(found: Found, proof: str) -> dict[str, JSON]:
    """Return a row as programs get it: the leaf's attributes, the actor by name where the payload is there."""
    row: dict[str, JSON] = {"index": found.row.index}
    row |= {column: getattr(found.row, column) for column in COLUMNS}
    name = (found.entry.payload or {}).get("actor") if found.entry else None
    if isinstance(name, str):
        row["actor"] = name
    return row | {"proof": proof, "problem": found.why}


def completions(home: Path, text: str, cursor: int) -> list[Candidate]:
    """Return what could stand at the cursor of somebody who types a filter."""
    with asking(home) as questions:
        return complete(text, cursor, known_values(questions.log))


def known_values(log: LogReader) -> dict[str, list[str]]:
    """Return values of the newest entries, for completion, by field."""
    rows = log.rows(max(0, log.size - 2000), 2000)
    names = ("type", "partner", "transfer", "artifact", "agreement", "policy")
    return {name: sorted({str(getattr(row, name)) for row in rows if getattr(row, name)}) for name in names}


def _first(question: Question, origin: str, size: int, now: datetime) -> Cursor:
    start = size - 1 if question.newest_first else 0
    return Cursor(bound(question.text, origin), timestamp(now), size, question.newest_first, start)


def _after(cursor: Cursor, last: int) -> str:
    following = last - 1 if cursor.newest_first else last + 1
    return Cursor(cursor.filter, cursor.now, cursor.size, cursor.newest_first, following).text()
