"""Why a decision came out as it did, as lines: a tree of policies, their conditions, values and remedies."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from engine.workspace.governing.decision_view import ConditionView, DecisionView, Verdict
from engine.workspace.governing.policy_view import PolicyPlace
from engine.workspace.log.view import CheckedRow
from tui.state.audit_lines import proof_mark
from tui.state.decision_lines import age, verdict_mark, who
from tui.state.excerpt import Page, excerpt
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, fit, wrap

LABEL_CELLS: Final = 10

_OUTCOMES: Final = {True: "is true", False: "is false", None: "cannot be evaluated"}


def why(decision: DecisionView, places: Sequence[PolicyPlace | None], *, width: int, glyphs: Glyphs) -> list[Line]:
    """Return the why-tree of a decision.

    Args:
        decision: what was recorded.
        places: where each of `decision.policies` stands, None where nobody knows.
        width: cells in a line.
        glyphs: the signs to use.
    """
    return [
        (verdict_mark(decision, glyphs), Piece(clean(f"  {who(decision)} {decision.action}"), Role.STRONG)),
        *([(Piece("said by a candidate; nobody acted on it", Role.MUTED),)] if decision.shadow else []),
        *([(Piece(line, Role.ATTENTION),) for line in wrap(decision.lost, width)] if decision.lost else []),
        BLANK,
        *_tree(decision, places, width, glyphs),
    ]


def sources(decision: DecisionView, places: Sequence[PolicyPlace | None], *, width: int, glyphs: Glyphs) -> Page:
    """Return the policies that decided, as they are written in the bundle that decided."""
    page = Page()
    for policy, place in zip(decision.policies, places, strict=True):
        if place is None:
            missing = f"{policy} is not in a bundle that this workspace keeps"
            page += Page([*((Piece(line, Role.MUTED),) for line in wrap(missing, width)), BLANK])
        else:
            told = [each.text for each in decision.conditions if each.policy == policy]
            page += excerpt(place, told, width=width, glyphs=glyphs)
    if not decision.policies:
        page = Page([(Piece("no policy decided", Role.MUTED),)])
    return page


def _tree(decision: DecisionView, places: Sequence[PolicyPlace | None], width: int, glyphs: Glyphs) -> Iterator[Line]:
    if decision.verdict is Verdict.FAILSAFE:
        yield (Piece(clean(f"{glyphs.attention} {', '.join(decision.because)}  a guard denied"), Role.ATTENTION),)
    for error in decision.errors:
        yield from _branch("error", error, width, glyphs)
    if not decision.reasons and decision.verdict is Verdict.DENY:
        yield (Piece(f"{glyphs.bad} no-permit  no policy permits it", Role.BAD),)
    for policy, place in zip(decision.policies, places, strict=True):
        yield _policy(decision, policy, place, glyphs)
        told = [each for each in decision.conditions if each.policy == policy]
        remedies = list(dict.fromkeys(each.remedy for each in told if each.remedy))
        for number, condition in enumerate(told):
            last = number == len(told) - 1 and not remedies
            yield from _condition(condition, width, glyphs, last=last)
        for number, remedy in enumerate(remedies):
            yield from _branch("remedy", remedy, width, glyphs, last=number == len(remedies) - 1)
        yield BLANK
    shown = {condition.remedy for condition in decision.conditions}
    others = [remedy for remedy in decision.remedies if remedy not in shown]
    for remedy in others:
        yield from _labelled("remedy", remedy, width)
    if decision.obligations:
        yield from _labelled("asks for", ", ".join(decision.obligations), width)
    if others or decision.obligations or not decision.policies:
        yield BLANK


def _policy(decision: DecisionView, policy: str, place: PolicyPlace | None, glyphs: Glyphs) -> Line:
    stands = f"  {place.file}:{place.line}" if place else ""
    if policy not in decision.reasons:
        about = "  came nearest" if decision.verdict is Verdict.DENY else ""
        return (Piece(clean(f"{glyphs.unchecked} {policy}"), Role.STRONG), Piece(clean(about + stands), Role.MUTED))
    permits = decision.verdict is Verdict.PERMIT
    sign, role = (glyphs.good, Role.GOOD) if permits else (glyphs.bad, Role.BAD)
    return (Piece(clean(f"{sign} {policy}"), role), Piece(clean(stands), Role.MUTED))


def _condition(condition: ConditionView, width: int, glyphs: Glyphs, *, last: bool) -> Iterator[Line]:
    outcome = Piece(_OUTCOMES[condition.holds], Role.ATTENTION if condition.holds is None else Role.STRONG)
    lead, more = (glyphs.last, " ") if last else (glyphs.branch, glyphs.stem)
    *before, end = wrap(condition.text, width - 6)
    fitting = len(end) + len(outcome.text) + 7 <= width
    lines: list[Line] = [(Piece(line),) for line in before]
    lines += [(Piece(f"{end} "), outcome)] if fitting else [(Piece(end),), (outcome,)]
    for number, line in enumerate(lines):
        yield (Piece(f"  {lead if number == 0 else more} {'' if number == 0 else '  '}", Role.MUTED), *line)
    for path, value in condition.values:
        for part in wrap(f"{path} = {value}", width - 6):
            yield (Piece(f"  {more}   ", Role.MUTED), Piece(part, Role.RUNNING))


def _branch(label: str, text: str, width: int, glyphs: Glyphs, *, last: bool = True) -> Iterator[Line]:
    first, *rest = wrap(text, width - 5 - len(label))
    yield (
        Piece(f"  {glyphs.last if last else glyphs.branch} {label} ", Role.MUTED),
        Piece(first, Role.ATTENTION if label == "error" else Role.PLAIN),
    )
    for line in rest:
        yield (Piece(f"  {' ' if last else glyphs.stem} {' ' * len(label)} ", Role.MUTED), Piece(line))


def _labelled(label: str, text: str, width: int) -> Iterator[Line]:
    for number, line in enumerate(wrap(text, width - LABEL_CELLS - 1)):
        yield (Piece(f"{label if number == 0 else '':<{LABEL_CELLS}} ", Role.MUTED), Piece(line))


def facts(
    decision: DecisionView, checked: CheckedRow | None, now: datetime, *, width: int, glyphs: Glyphs
) -> Iterator[Line]:
    """Yield what else is known of a decision.

    Args:
        decision: what was recorded.
        checked: what the last check of its row said, None if nobody checked it.
        now: the moment it is shown at.
        width: cells in a line.
        glyphs: the signs to use.
    """
    proof = proof_mark(checked, glyphs)
    yield (
        Piece(f"{'proof':<{LABEL_CELLS}} ", Role.MUTED),
        proof,
        Piece(f"  in row {decision.row.index:,} of the log", Role.MUTED),
    )
    ago = age(decision, now)
    known = (
        ("time", f"{decision.row.time[:19].replace('T', ' ')}{f'  {ago} ago' if ago else ''}"),
        ("resource", decision.resource),
        ("partner", decision.row.partner),
        ("transfer", decision.row.transfer),
        ("agreement", decision.row.agreement),
        ("bundle", decision.bundle),
        ("decision", decision.id),
    )
    room = max(0, width - LABEL_CELLS - 1)
    for label, text in known:
        if text:
            shown = fit(text, room, ellipsis=glyphs.ellipsis)
            yield (Piece(f"{label:<{LABEL_CELLS}} ", Role.MUTED), Piece(shown))
