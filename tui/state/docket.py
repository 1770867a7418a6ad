"""The recorded decisions on the screen, newest first: which rows of the log they are, found from the end on.

A worker looks through the log a stretch at a time: what is new first, then further and further back. A decision costs
8 bytes of an array until it comes into view; then it is read, and kept for a while.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from engine.errors import LadingError
from engine.text import counted
from engine.workspace.governing.decision_view import DecisionsView, DecisionView
from tui.state.line import Line, Piece, Role, clean
from tui.state.text_filter import EVERYTHING, SEVERAL, TextFilter, parse_filter

KEYS: Final = (
    "decision",
    "actor",
    "action",
    "resource",
    "policy",
    "because",
    "partner",
    "transfer",
    "artifact",
    "agreement",
    "bundle",
    "mode",
    "id",
)
STRETCH: Final = 4096
"""How many rows of the log a worker looks at before it tells what it found."""

KEPT: Final = 1024


class Docket:
    """What the decisions' screen knows of them. Not thread-safe: only the screen's thread calls it."""

    def __init__(self, decisions: DecisionsView) -> None:
        self._decisions = decisions
        self.filter: TextFilter = EVERYTHING
        self.size = 0
        self._low = self._high = 0
        self._older: array[int] = array("Q")
        self._newer: array[int] = array("Q")
        self._read: OrderedDict[int, DecisionView] = OrderedDict()

    def __len__(self) -> int:
        """Return how many decisions were found that the filter lets through."""
        return len(self._newer) + len(self._older)

    def follow(self, size: int) -> None:
        """Take notice that the log changed, and has `size` rows now."""
        self._read.clear()
        self.size = size
        if size < self._high or self._high == 0:  # another, shorter log took its place; or this is the first look
            self._start()

    def narrow(self, text: str) -> TextFilter:
        """Start to show only what matches `text`; a filter with a problem changes nothing."""
        wanted = parse_filter(text, KEYS)
        if wanted.problem is None:
            self.filter = wanted
            self._start()
        return wanted

    @property
    def to_scan(self) -> range:
        """The next stretch of the log to look through: what is new, then further back; empty when all is seen."""
        if self._high < self.size:
            return range(self._high, min(self.size, self._high + STRETCH))
        return range(max(0, self._low - STRETCH), self._low)

    def add_found(self, wanted: TextFilter, indexes: Sequence[int], seen: range) -> None:
        """Take what was found for `wanted` in a stretch, unless another stretch is wanted by now."""
        if wanted != self.filter or seen != self.to_scan:
            return
        if seen.start == self._high:
            self._newer.extend(indexes)
            self._high = seen.stop
        else:
            self._older.extend(reversed(indexes))
            self._low = seen.start

    def index(self, position: int) -> int:
        """Return the row of the log of the decision at a position."""
        newer = len(self._newer)
        return self._newer[newer - 1 - position] if position < newer else self._older[position - newer]

    def position(self, index: int) -> int | None:
        """Return where the decision of a row of the log stands, or None when it is not shown."""
        found = next((at for at, each in enumerate(reversed(self._newer)) if each == index), None)
        if found is None and index in self._older:
            return len(self._newer) + self._older.index(index)
        return found

    def decision(self, position: int) -> DecisionView | None:
        """Return the decision at a position, or None when the database lacks it by now."""
        if not 0 <= position < len(self):
            return None
        index = self.index(position)
        try:
            known = self._read.get(index) or self._decisions.read(index)
        except LadingError:
            return None  # the next look says why the log cannot be read
        if known is not None:
            self._read[index] = known
            self._read.move_to_end(index)
        while len(self._read) > KEPT:
            self._read.popitem(last=False)
        return known

    def summary(self) -> Line:
        """Say how many decisions there are, and how far the search is."""
        seen = self._high - self._low
        pieces = [Piece(counted(len(self), "decisions"), Role.STRONG)]
        if self.filter.terms:
            pieces.append(Piece(f" by /{clean(self.filter.text)}", Role.RUNNING))
        if seen < self.size:
            pieces.append(Piece(f"  {100 * seen // self.size}% searched", Role.ATTENTION))
        return tuple(pieces)

    def _start(self) -> None:
        self._low = self._high = self.size
        self._older, self._newer = array("Q"), array("Q")


def fields(decision: DecisionView) -> dict[str, str]:
    """Return what a filter can see of a decision."""
    return {
        "decision": decision.verdict,
        "actor": decision.who,
        "action": decision.action,
        "resource": decision.resource,
        "policy": SEVERAL.join(decision.policies),
        "because": SEVERAL.join(decision.because),
        "partner": decision.row.partner or "",
        "transfer": decision.row.transfer or "",
        "artifact": decision.row.artifact or "",
        "agreement": decision.row.agreement or "",
        "bundle": decision.bundle,
        "mode": "shadow" if decision.shadow else "enforce",
        "id": decision.id,
    }
