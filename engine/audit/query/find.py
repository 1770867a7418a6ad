"""Entries that meet a filter, each compared with its own leaf before anybody sees it.

SQL (or a scan) says where to look. What it finds is read from the leaf and judged again:

- the columns say what the leaf says, and the judge agrees: it meets the filter;
- the columns say something else, a leaf or payload cannot be read, or an exact selection and the judge differ:
  the row is broken, and shown as that;
- a selection that may have been too wide, and the judge says no: it is none of ours.

INVARIANT: every entry a filter lets through was judged by its leaf and payload; broken rows are never left out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from engine.audit.entry import COLUMNS, Entry, parse_entry
from engine.audit.query.match import matches
from engine.audit.query.sql import Condition, condition
from engine.audit.query.terms import Term
from engine.audit.reader import LogReader, Row
from engine.errors import LadingError

WINDOW: Final = 16_384
"""How many indexes one statement goes over at most: it bounds the time until somebody hears of progress."""

_BATCH: Final = 512
_EMPTY: Final = dict.fromkeys(COLUMNS, "")


class Source(StrEnum):
    """Where was looked.

    `COLUMNS`: the log's columns alone. `INDEX`: these and the full-text index. `LEAVES`: every leaf was read.
    """

    COLUMNS = "columns"
    INDEX = "full-text index"
    LEAVES = "every leaf"


@dataclass(frozen=True, slots=True)
class Found:
    """A row that a filter lets through, or that nobody can tell of.

    Attributes:
        row: the row as its columns read.
        entry: the entry by its leaf; None when it is broken.
        why: what is wrong with it; empty when nothing is.
    """

    row: Row
    entry: Entry | None
    why: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, where and in which order.

    Attributes:
        term: the filter.
        source: where to look; `INDEX` demands that the full-text index is attached to the reader.
        first: the first index that counts.
        end: the index after the last one that counts.
        newest_first: the order of what is found.
    """

    term: Term
    source: Source
    first: int
    end: int
    newest_first: bool = True


def find(log: LogReader, search: Search, progress: Callable[[int], None] = lambda _: None) -> Iterator[Found]:
    """Yield what a filter lets through, in order, without keeping a transaction open.

    Args:
        log: the log.
        search: what to look for.
        progress: told how many indexes were gone over.
    """
    everything = search.source is Source.LEAVES
    chosen = (
        Condition("1", exact=False) if everything else condition(search.term, indexed=search.source is Source.INDEX)
    )
    for start, stop in _windows(search):
        found = _selected(log, search, chosen, start, stop)
        rows = _with_gaps(found, start, stop, newest_first=search.newest_first) if everything else found
        for row, salt, body in rows:
            one = _judged(search.term, row, salt, body, exact=chosen.exact)
            if one is not None:
                yield one
        progress(stop - start)


def _windows(search: Search) -> Iterator[tuple[int, int]]:
    first, end = max(0, search.first), search.end
    while first < end:
        if search.newest_first:
            yield max(first, end - WINDOW), end
            end -= WINDOW
        else:
            yield first, min(end, first + WINDOW)
            first += WINDOW


def _selected(
    log: LogReader, search: Search, chosen: Condition, start: int, stop: int
) -> Iterator[tuple[Row, Any, Any]]:
    order = "DESC" if search.newest_first else "ASC"
    text = f"event.idx >= ? AND event.idx < ? AND {chosen.text} ORDER BY event.idx {order}"
    while True:
        batch = log.select(text, [start, stop, *chosen.values], _BATCH)
        yield from batch
        if len(batch) < _BATCH:
            return
        last = batch[-1][0].index
        start, stop = (start, last) if search.newest_first else (last + 1, stop)


def _with_gaps(
    found: Iterable[tuple[Row, Any, Any]], start: int, stop: int, *, newest_first: bool
) -> list[tuple[Row, Any, Any]]:
    """Put a row without a leaf where the database lacks one."""
    held = {row.index: (row, salt, body) for row, salt, body in found}
    indexes = range(stop - 1, start - 1, -1) if newest_first else range(start, stop)
    return [held.get(index) or (Row(index, b"", **_EMPTY), None, None) for index in indexes]


def _judged(term: Term, row: Row, salt: object, body: object, *, exact: bool) -> Found | None:
    try:
        entry = parse_entry((row.index, row.leaf, salt, body))
    except LadingError as error:
        return Found(row, None, str(error))
    different = [column for column in COLUMNS if getattr(row, column) != entry.public.get(column)]
    if different:
        return Found(row, None, f"its columns do not say what its leaf says: {', '.join(different)}")
    if matches(term, entry):
        return Found(row, entry, "")
    return Found(row, None, "the index says that it meets the filter, its leaf and payload do not") if exact else None
