"""The policies on the screen: what waits, what decides, the files of the folder, and what decided before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from engine.text import counted
from engine.workspace.governing.policy_view import (
    ActivationView,
    CandidateView,
    Change,
    PolicyFile,
    PolicyFolder,
    PolicyStanding,
)
from engine.workspace.governing.report import ProblemView
from tui.state import measures
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, fit
from tui.state.text_filter import EVERYTHING, TextFilter, parse_filter

KEYS: Final = ("kind", "state", "author", "reason", "digest", "file")
DIGEST_CELLS: Final = 12
STATE_CELLS, AGE_CELLS = 13, 4

_FACES: Final = {
    "broken": ("bad", "BROKEN", Role.BAD),
    "failing": ("bad", "FAILING", Role.BAD),
    "ready": ("running", "ready", Role.RUNNING),
    "proposed": ("attention", "to approve", Role.ATTENTION),
    "approved": ("attention", "to activate", Role.ATTENTION),
    "superseded": ("unchecked", "superseded", Role.MUTED),
    "withdrawn": ("unchecked", "withdrawn", Role.MUTED),
    "decides": ("good", "decides", Role.GOOD),
    "before": ("unchecked", "before", Role.MUTED),
    "errors": ("bad", "ERRORS", Role.BAD),
    "warnings": ("attention", "warnings", Role.ATTENTION),
    Change.SAME: ("unchecked", "same", Role.MUTED),
    Change.CHANGED: ("running", "changed", Role.RUNNING),
    Change.NEW: ("running", "new", Role.RUNNING),
    Change.REMOVED: ("running", "removed", Role.RUNNING),
}

Subject: TypeAlias = CandidateView | ActivationView | PolicyFile


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what it is about, and how that stands."""

    key: str
    kind: str
    state: str
    subject: Subject


class Desk:
    """Keeps the newest look at policies. What waits for a person stands first."""

    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.filter: TextFilter = EVERYTHING
        self.standing = PolicyStanding()
        self.folder = PolicyFolder()
        self.shown: tuple[Row, ...] = ()
        self.now = datetime.fromtimestamp(0, UTC)

    def update(
        self, now: datetime, *, standing: PolicyStanding | None = None, folder: PolicyFolder | None = None
    ) -> None:
        """Take a new look at the database, the folder, or both."""
        self.now = now
        self.standing = self.standing if standing is None else standing
        self.folder = self.folder if folder is None else folder
        self._apply()

    def narrow(self, text: str) -> TextFilter:
        """Show only what matches `text`; a filter with a problem changes nothing."""
        wanted = parse_filter(text, KEYS)
        if wanted.problem is None:
            self.filter = wanted
            self._apply()
        return wanted

    def position(self, key: str) -> int | None:
        """Return where a row stands, or None when it is not shown."""
        return next((at for at, row in enumerate(self.shown) if row.key == key), None)

    def draft(self) -> CandidateView | None:
        """Return the candidate that the folder is now; None when it is what decides, or nobody examined it yet."""
        return next((each for each in self.standing.candidates if each.digest == self.folder.digest), None)

    def problems_of(self, file: PolicyFile) -> tuple[ProblemView, ...]:
        """Return what examining the folder found in a file."""
        draft = self.draft()
        return tuple(
            problem
            for problem in (draft.report.problems if draft else ())
            if problem.place == file.path or problem.place.startswith(f"{file.path}:")
        )

    def choose(self, row: Row | None, state: str) -> CandidateView | None:
        """Return the candidate in a state that a key acts on: the one under the cursor, or the only one there is."""
        if row is not None and isinstance(row.subject, CandidateView):
            return row.subject if row.subject.state == state else None
        fitting = [each for each in self.standing.candidates if each.state == state]
        return fitting[0] if len(fitting) == 1 else None

    @property
    def summary(self) -> Line:
        """What the note line says of the policies."""
        active, changed = self.standing.active, [each for each in self.folder.files if each.change is not Change.SAME]
        pieces = [
            Piece(f"{active.digest[:DIGEST_CELLS]} decides" if active else "nothing decides yet", Role.STRONG),
            Piece(f"  {counted(len(self.folder.files), 'files')}", Role.MUTED),
        ]
        if changed and active:
            pieces.append(Piece(f"  {len(changed)} changed", Role.RUNNING))
        if self.folder.problem:
            pieces.append(Piece(f"  {self.glyphs.bad} {self.folder.problem}", Role.BAD))
        if self.filter.terms:
            pieces.append(Piece(f"  {len(self.shown)} shown by /{self.filter.text}", Role.RUNNING))
        return tuple(pieces)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        what, who = _columns(width - 1)
        left = f" {fit('STATE', STATE_CELLS)} {fit('BUNDLE OR FILE', what)} {fit('BY', who)} {'AGE':>{AGE_CELLS}} "
        return (Piece(fit(left + "ABOUT", width), Role.STRONG),)

    def line(self, position: int, width: int) -> Line:
        """Return the line of a row, exactly `width` cells from the cursor's column on."""
        row = self.shown[position]
        what, who = _columns(width)
        state, dots = mark(row.state, self.glyphs), self.glyphs.ellipsis
        name, author, at, about = _cells(row, self.problems_of)
        old = measures.coarse((self.now - at).total_seconds()) if at else ""
        rest = max(0, width - STATE_CELLS - what - who - AGE_CELLS - 4)
        return (
            Piece(fit(state.text, STATE_CELLS) + " ", state.role),
            Piece(fit(name, what, ellipsis=dots) + " "),
            Piece(fit(short(author), who, ellipsis=dots) + " ", Role.MUTED),
            Piece(f"{old:>{AGE_CELLS}} ", Role.MUTED),
            Piece(fit(about, rest, ellipsis=dots), Role.MUTED),
        )

    def _apply(self) -> None:
        self.shown = tuple(row for row in self._rows() if self.filter.holds(fields(row)))

    def _rows(self) -> Iterator[Row]:
        over = [each for each in self.standing.candidates if each.state in {"superseded", "withdrawn"}]
        for candidate in self.standing.candidates:
            if candidate not in over:
                yield _candidate(candidate)
        past: Sequence[ActivationView] = self.standing.activations
        for activation in past[:1]:
            yield Row("active", "active", "decides", activation)
        for file in self.folder.files:
            yield Row(f"file {file.path}", "file", self._state(file), file)
        for candidate in over:
            yield _candidate(candidate)
        for activation in past[1:]:
            yield Row(f"past {activation.number}", "past", "before", activation)

    def _state(self, file: PolicyFile) -> str:
        severities = {problem.severity for problem in self.problems_of(file)}
        return "errors" if "error" in severities else "warnings" if severities else file.change


def mark(state: str, glyphs: Glyphs) -> Piece:
    """Return sign and word of a state; one we do not know asks for attention."""
    sign, word, role = _FACES.get(state, ("attention", state or "unknown", Role.ATTENTION))
    return Piece(f"{getattr(glyphs, sign)} {word}", role)


def short(identity: str) -> str:
    """Return an identity without the scheme of a service's name."""
    return identity.removeprefix("spiffe://")


def fields(row: Row) -> dict[str, str]:
    """Return what a filter can see of a row."""
    subject = row.subject
    known = {"kind": row.kind, "state": row.state, "author": "", "reason": "", "digest": "", "file": ""}
    if isinstance(subject, PolicyFile):
        return known | {"file": subject.path}
    return known | {"author": subject.author, "reason": subject.reason, "digest": subject.digest}


def _candidate(candidate: CandidateView) -> Row:
    return Row(f"candidate {candidate.digest}", "candidate", candidate.state, candidate)


def _cells(
    row: Row, problems_of: Callable[[PolicyFile], Sequence[ProblemView]]
) -> tuple[str, str, datetime | None, str]:
    """Return name, author, moment and what there is to say of a row."""
    match row.subject:
        case PolicyFile() as file:
            problems = problems_of(file)
            said = problems[0].message if problems else "" if file.change is Change.SAME else f"{file.change} on disk"
            return file.path, "", None, said
        case CandidateView() as candidate:
            shadow = "in shadow  " if candidate.shadow else ""
            said = candidate.reason or candidate.report.summary
            return candidate.digest[:DIGEST_CELLS], candidate.author, candidate.updated, shadow + said
        case activation:
            back = "back again: " if activation.kind == "rollback" else ""
            return activation.digest[:DIGEST_CELLS], activation.author, activation.at, back + activation.reason


def _columns(width: int) -> tuple[int, int]:
    """Share what the fixed columns leave: name and author take a little over half of it."""
    free = max(0, width - STATE_CELLS - AGE_CELLS - 4)
    return min(28, free * 43 // 100), min(24, free * 24 // 100)
