"""The audit log on the screen: access by position, a page at a time, and the proof of each row that was seen.

Without a filter, a position is a leaf index. With one, an array of indexes stands between (8 bytes a row), which a
worker fills while the log is scanned. Rows are kept for at most 64 pages, so a log of any size costs the same.

INVARIANT: a proof is remembered for the very row that was checked. A row that reads differently is unchecked.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from engine.text import counted
from engine.workspace.log.view import CheckedRow, LogFilter, LogRow, LogView, Proof
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, clean

KEYS: Final = ("index", "time", "type", "actor", "decision", "partner", "transfer", "artifact", "agreement", "id")
PAGE_ROWS = 128
PAGES_KEPT = 64
PROOFS_KEPT = 8192


class Ledger:
    """What the audit screen knows of the log. Not thread-safe: only the screen's thread calls it."""

    def __init__(self, log: LogView) -> None:
        self._log = log
        self.filter = LogFilter()
        self.size = 0
        self.version: object = None
        self.scanned = 0
        self._found: array[int] | None = None
        self._pages: OrderedDict[int, list[LogRow]] = OrderedDict()
        self._checked: OrderedDict[int, tuple[CheckedRow, object]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many rows the filter lets through."""
        return self.size if self._found is None else len(self._found)

    def poll(self) -> None:
        """Look whether the log changed; `version` is another one if it did."""
        version = self._log.version()
        if version == self.version:
            return
        self.version, self.size = version, self._log.size()
        self._pages.clear()
        if self.size < self.scanned:  # another, shorter log took its place
            self.narrow(self.filter.text)

    def position(self, index: int) -> int:
        """Return the position of an index, or of the first one shown after it."""
        return index if self._found is None else bisect_left(self._found, index)

    def row(self, position: int) -> LogRow | None:
        """Return the row at a position, or None when the database lacks it."""
        index = position if self._found is None else self._found[position]
        page = self._page(index // PAGE_ROWS)
        offset = index % PAGE_ROWS
        return page[offset] if offset < len(page) else None

    def narrow(self, text: str) -> LogFilter:
        """Start to show only what matches `text`; a filter with a problem changes nothing."""
        wanted = self._log.filter(text)
        if wanted.problem is None:
            self.filter, self.scanned = wanted, 0
            self._found = array("Q") if text.strip() else None
        return wanted

    @property
    def to_scan(self) -> range:
        """The leaf indexes that the filter has not seen yet."""
        return range(self.scanned, self.size) if self._found is not None else range(0)

    def add_found(self, wanted: LogFilter, indexes: Sequence[int], scanned: int) -> None:
        """Take what a scan for `wanted` found before index `scanned`, unless the filter is another one by now."""
        if self._found is not None and wanted == self.filter and scanned > self.scanned:
            self._found.extend(indexes)
            self.scanned = scanned

    def proof(self, row: LogRow) -> CheckedRow | None:
        """Return what the last check of exactly this row said, or None while nobody checked it."""
        checked = self._checked.get(row.index)
        return checked[0] if checked and checked[0].row == row else None

    def unchecked(self, positions: Iterable[int]) -> list[LogRow]:
        """Return the rows at these positions that were not checked since the log last changed."""
        rows = [row for position in positions if position < len(self) and (row := self.row(position))]
        return self.stale(rows)

    def stale(self, rows: Iterable[LogRow]) -> list[LogRow]:
        """Return those of these rows that were not checked since the log last changed."""
        return [row for row in rows if self._stale(row)]

    def add_checked(self, checked: Iterable[CheckedRow], version: object) -> None:
        """Remember the outcome of checks made when the log was at `version`."""
        for one in checked:
            self._checked[one.row.index] = (one, version)
            self._checked.move_to_end(one.row.index)
        while len(self._checked) > PROOFS_KEPT:
            self._checked.popitem(last=False)

    def forget(self, positions: Iterable[int]) -> None:
        """Unlearn the proofs of these positions, so that they are checked again."""
        for position in positions:
            if position < len(self) and (row := self.row(position)):
                self._checked.pop(row.index, None)

    @property
    def broken(self) -> tuple[int, ...]:
        """The indexes of the rows known to be broken, in order."""
        return tuple(sorted(i for i, (one, _) in self._checked.items() if one.proof is Proof.BROKEN))

    def summary(self, positions: Iterable[int], glyphs: Glyphs) -> Line:
        """Say how many rows there are, and how many of those at `positions` are proved, broken or not checked."""
        rows = [self.row(position) for position in positions]
        checked = [self.proof(row) for row in rows if row]
        proofs = [one.proof if one else Proof.UNCHECKED for one in checked]
        pieces = [Piece(counted(len(self), "rows"), Role.STRONG)]
        if self._found is not None:
            done = 100 * self.scanned // self.size if self.size else 100
            pieces.append(Piece(f" of {self.size:,} by /{clean(self.filter.text)}", Role.RUNNING))
            pieces += [Piece(f"  {done}% searched", Role.ATTENTION)] if done < 100 else []  # noqa: PLR2004
        signs = (
            (glyphs.bad, Proof.BROKEN, Role.BAD),
            (glyphs.good, Proof.PROVED, Role.GOOD),
            (glyphs.unchecked, Proof.UNCHECKED, Role.MUTED),
        )
        for sign, proof, role in signs:
            if count := proofs.count(proof):
                pieces.append(Piece(f"  {sign} {count} {proof}", role))
        return tuple(pieces)

    def _stale(self, row: LogRow) -> bool:
        checked = self._checked.get(row.index)
        return checked is None or checked[0].row != row or checked[1] != self.version

    def _page(self, number: int) -> list[LogRow]:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = self._log.rows(number * PAGE_ROWS, PAGE_ROWS)
            if len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page


def fields(row: LogRow) -> dict[str, str]:
    """Return what a filter can see of a row; the actor is the name, or the pseudonym where the name is gone."""
    return {key: str(getattr(row, key) or "") for key in KEYS} | {"actor": row.name or row.actor}
