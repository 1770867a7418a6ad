"""Everything about a candidate, an activation or a file, as lines: findings, changes, text."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from engine.workspace.advisory import FOUR_EYES
from engine.workspace.governing.policy_view import ActivationView, CandidateView, Change, PolicyFile
from engine.workspace.governing.report import ProblemView, ReplayView, ReportView, SuitesView
from tui.state import measures
from tui.state.cedar_text import highlight
from tui.state.desk import Desk, Row, mark, short
from tui.state.excerpt import Page, numbered
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, wrap

LABEL_CELLS: Final = 9
SHOWN: Final = 20
"""How many of each kind of thing are listed; the rest is counted."""

_NEXT: Final = {
    "ready": "p proposes it",
    "withdrawn": "p proposes it again",
    "proposed": "somebody other than its author approves it: a",
    "approved": "x lets it decide",
    "broken": "mend the places below; what decides stays as it is",
    "failing": "mend what fails; what decides stays as it is",
}


def detail(row: Row, desk: Desk, *, advisory: bool, width: int) -> Page:
    """Return the detail of a row.

    Args:
        row: what is shown.
        desk: where it stands.
        advisory: whether two names need not be two people here.
        width: cells in a line.
    """
    match row.subject:
        case PolicyFile() as file:
            return _file(file, desk.problems_of(file), width, desk.glyphs)
        case CandidateView() as candidate:
            lines = _candidate(candidate, desk.now, width, desk.glyphs, advisory=advisory)
            return Page([*lines, *_history(desk, width)])
        case activation:
            lines = _activation(row.state, activation, desk, width, advisory=advisory)
            return Page([*lines, *_history(desk, width)])


def outcome(report: ReportView, glyphs: Glyphs) -> Line:
    """Return what examining a candidate came to, in one line."""
    pieces = [_counted(len(report.problems), "problem", "problems", Role.ATTENTION)]
    if report.suites:
        pieces.append(Piece(f"{report.suites.passed} passed", Role.GOOD))
        pieces.append(_counted(report.suites.failed, "failed", "failed", Role.BAD))
    if report.replay:
        pieces += [
            _counted(len(report.replay.allowed), "newly allowed", "newly allowed", Role.ATTENTION),
            _counted(len(report.replay.denied), "newly denied", "newly denied", Role.ATTENTION),
        ]
    parted = [
        Piece(("" if at == 0 else f" {glyphs.unchecked} ") + piece.text, piece.role) for at, piece in enumerate(pieces)
    ]
    return tuple(parted)


def _counted(count: int, one: str, many: str, role: Role) -> Piece:
    return Piece(f"{count} {one if count == 1 else many}", role if count else Role.MUTED)


def _candidate(
    candidate: CandidateView, now: datetime, width: int, glyphs: Glyphs, *, advisory: bool
) -> Iterator[Line]:
    yield (mark(candidate.state, glyphs), Piece("  candidate", Role.MUTED))
    if candidate.waits or candidate.state == "approved":
        yield from _advice(width, glyphs, advisory=advisory)
    yield BLANK
    shadow = f"decides in shadow, let by {short(candidate.shadow)}" if candidate.shadow else ""
    yield from _facts(
        (
            ("bundle", candidate.digest),
            ("base", candidate.base),
            ("author", short(candidate.author)),
            ("reason", candidate.reason),
            ("since", _since(candidate.updated, now)),
            ("shadow", shadow),
            ("next", _NEXT.get(candidate.state, "")),
        ),
        width,
    )
    report = candidate.report
    yield BLANK
    yield from _problems(report.problems, width, glyphs)
    yield from _suites("suites", report.suites, width, glyphs)
    if report.active_suites is not None and report.active_suites.failures:
        yield from _suites("suites of what decides", report.active_suites, width, glyphs)
    yield from _replay(report.replay, width, glyphs)


def _problems(problems: Sequence[ProblemView], width: int, glyphs: Glyphs) -> Iterator[Line]:
    yield (Piece("problems", Role.STRONG), Piece("" if problems else "  none", Role.MUTED))
    for problem in problems[:SHOWN]:
        yield from _problem(problem, width, glyphs)
    if len(problems) > SHOWN:
        yield (Piece(f"  and {len(problems) - SHOWN} more", Role.MUTED),)
    yield BLANK


def _problem(problem: ProblemView, width: int, glyphs: Glyphs) -> Iterator[Line]:
    bad = problem.severity == "error"
    sign, role = (glyphs.bad, Role.BAD) if bad else (glyphs.attention, Role.ATTENTION)
    place = problem.place or problem.code or problem.severity
    code = f"  {problem.code}" if problem.code and problem.code != place else ""
    yield (Piece(clean(f"{sign} {place}"), role), Piece(clean(code), Role.MUTED))
    for line in wrap(problem.message, width - 2):
        yield (Piece(f"  {line}"),)
    if problem.remedy:
        for line in wrap(problem.remedy, width - 2):
            yield (Piece(f"  {line}", Role.MUTED),)


def _suites(title: str, suites: SuitesView | None, width: int, glyphs: Glyphs) -> Iterator[Line]:
    if suites is None:
        yield (Piece(title, Role.STRONG), Piece("  not run", Role.MUTED))
        yield BLANK
        return
    passed = Piece(f"  {glyphs.good} {suites.passed} passed", Role.GOOD if suites.passed else Role.MUTED)
    failed = (
        Piece(f"  {glyphs.bad} {suites.failed} failed", Role.BAD) if suites.failed else Piece("  0 failed", Role.MUTED)
    )
    yield (Piece(title, Role.STRONG), passed, failed)
    shares = (("policies", suites.policies), ("atoms", suites.atoms), ("mutation", suites.mutation))
    measured = [f"{name} {share:g}%" for name, share in shares if share is not None]
    if measured:
        yield (Piece(f"  covered  {'  '.join(measured)}", Role.MUTED),)
    yield from _listed(suites.failures, f"{glyphs.bad} ", Role.BAD, width)
    yield BLANK


def _replay(replay: ReplayView | None, width: int, glyphs: Glyphs) -> Iterator[Line]:
    if replay is None:
        yield (Piece("replay", Role.STRONG), Piece("  nothing was replayed", Role.MUTED))
        yield BLANK
        return
    yield (
        Piece("replay", Role.STRONG),
        Piece(f"  {replay.unchanged:,} of {replay.decisions:,} recorded decisions come out as before", Role.MUTED),
    )
    for changed, word, sign, role in (
        (replay.allowed, "newly allowed", glyphs.good, Role.ATTENTION),
        (replay.denied, "newly denied", glyphs.bad, Role.ATTENTION),
        (replay.failing, "newly failing", glyphs.attention, Role.BAD),
        (replay.reasons, "for other reasons", glyphs.unchecked, Role.MUTED),
    ):
        if changed:
            yield (Piece(f"  {sign} {len(changed)} {word}", role),)
            yield from _listed(changed, "    ", Role.PLAIN, width)
    if replay.unrepeatable:
        yield (Piece(f"  {replay.unrepeatable} could not be replayed", Role.MUTED),)
    yield BLANK


def _listed(sentences: Sequence[str], lead: str, role: Role, width: int) -> Iterator[Line]:
    for sentence in sentences[:SHOWN]:
        for at, line in enumerate(wrap(sentence, width - len(lead) - 2)):
            yield (Piece(f"  {lead if at == 0 else ' ' * len(lead)}{line}", role),)
    if len(sentences) > SHOWN:
        yield (Piece(f"  {' ' * len(lead)}and {len(sentences) - SHOWN} more", Role.MUTED),)


def _activation(state: str, activation: ActivationView, desk: Desk, width: int, *, advisory: bool) -> Iterator[Line]:
    yield (
        mark(state, desk.glyphs),
        Piece(f"  activation {activation.number}, {activation.kind or 'unknown'}", Role.MUTED),
    )
    if state == "decides":
        yield from _advice(width, desk.glyphs, advisory=advisory)
    yield BLANK
    yield from _facts(
        (
            ("bundle", activation.digest),
            ("previous", activation.previous),
            ("author", short(activation.author)),
            ("approver", short(activation.approver) or "nobody"),
            ("reason", activation.reason),
            ("effect", activation.effect),
            ("since", _since(activation.at, desk.now)),
        ),
        width,
    )
    yield BLANK


def _history(desk: Desk, width: int) -> Iterator[Line]:
    if not desk.standing.activations:
        return
    yield (Piece("what decided", Role.STRONG), Piece("  newest first", Role.MUTED))
    for at, each in enumerate(desk.standing.activations[:SHOWN]):
        sign, role = (desk.glyphs.good, Role.GOOD) if at == 0 else (desk.glyphs.unchecked, Role.MUTED)
        approved = f", approved by {short(each.approver)}" if each.approver else ""
        head = f" {measures.day_and_time(each.at)}  {each.digest[:12]}  {each.kind}"
        yield (Piece(f"{sign}", role), Piece(clean(head)))
        told = f"{short(each.author)}{approved}: {each.reason}"
        yield from ((Piece(f"    {line}", Role.MUTED),) for line in wrap(told, width - 4))


def _file(file: PolicyFile, problems: Sequence[ProblemView], width: int, glyphs: Glyphs) -> Page:
    change = "as it decides" if file.change is Change.SAME else f"{file.change}, beside what decides"
    head: list[Line] = [(Piece(clean(file.path), Role.STRONG), Piece(f"  {change}", Role.MUTED))]
    for problem in problems:
        head += _problem(problem, width, glyphs)
    wrong = frozenset(number for problem in problems if (number := _line_of(problem)) is not None)
    return Page([*head, BLANK]) + _numbered(file.path, file.body, wrong, width, glyphs)


@lru_cache(maxsize=16)
def _numbered(path: str, body: str, wrong: frozenset[int], width: int, glyphs: Glyphs) -> Page:
    text = body.removesuffix("\n")
    cedar = path.endswith((".cedar", ".cedarschema"))
    lines = highlight(text) if cedar else [(Piece(clean(line.expandtabs(4))),) for line in text.split("\n")]
    return numbered(lines, wrong, start=1, width=width, glyphs=glyphs)


def _line_of(problem: ProblemView) -> int | None:
    """Return the zero-based line a problem is about."""
    numbers = problem.place.split(":")[1:]
    return int(numbers[0]) - 1 if numbers and numbers[0].isdecimal() and int(numbers[0]) > 0 else None


def _advice(width: int, glyphs: Glyphs, *, advisory: bool) -> Iterator[Line]:
    if advisory:
        for line in wrap(f"{glyphs.attention} {FOUR_EYES}", width):
            yield (Piece(line, Role.ATTENTION),)


def _since(moment: datetime, now: datetime) -> str:
    return f"{measures.day_and_time(moment)}  {measures.age(moment, now)}"


def _facts(known: Sequence[tuple[str, str]], width: int) -> Iterator[Line]:
    for label, text in known:
        for at, line in enumerate(wrap(text, width - LABEL_CELLS - 1) if text else ()):
            yield (Piece(f"{label if at == 0 else '':<{LABEL_CELLS}} ", Role.MUTED), Piece(line))
