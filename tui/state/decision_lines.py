"""Recorded decisions as lines. Proof and verdict stand leftmost, where no width drops them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.workspace.governing.decision_view import DecisionView, Verdict
from engine.workspace.log.view import CheckedRow
from tui.state import measures
from tui.state.audit_lines import proof_mark
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, fit

WORDS_FROM: Final = 104
"""From this width on, the proof is spelled out in the table, too."""

VERDICT_CELLS: Final = 10
AGE_CELLS: Final = 4

_FACES: Final = {
    Verdict.PERMIT: ("good", "permit", Role.GOOD),
    Verdict.DENY: ("bad", "DENY", Role.BAD),
    Verdict.FAILSAFE: ("attention", "failsafe", Role.ATTENTION),
    Verdict.UNKNOWN: ("attention", "unknown", Role.ATTENTION),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is, in cells; there is a gap of one cell after each but the last."""

    proof: int
    who: int
    action: int
    resource: int
    because: int
    transfer: int

    @classmethod
    def of(cls, width: int) -> "Columns":
        """Share `width` cells (without the cursor's)."""
        proof = 11 if width >= WORDS_FROM else 1
        free = max(0, width - proof - VERDICT_CELLS - AGE_CELLS - 7)
        who, action, resource = min(30, free * 23 // 100), min(12, free * 14 // 100), min(30, free * 22 // 100)
        transfer = min(14, free * 15 // 100)
        return cls(proof, who, action, resource, free - who - action - resource - transfer, transfer)


def heading(columns: Columns) -> Line:
    """Return the names of the columns."""
    names = (
        fit("PROOF" if columns.proof > 1 else "P", columns.proof),
        fit("DECISION", VERDICT_CELLS),
        f"{'AGE':>{AGE_CELLS}}",
        fit("WHO", columns.who),
        fit("ACTION", columns.action),
        fit("RESOURCE", columns.resource),
        fit("BECAUSE", columns.because),
        fit("TRANSFER", columns.transfer),
    )
    return (Piece(" " + " ".join(names), Role.STRONG),)


def decision_line(
    decision: DecisionView, checked: CheckedRow | None, now: datetime, columns: Columns, glyphs: Glyphs
) -> Line:
    """Return the line of a decision.

    Args:
        decision: what was recorded.
        checked: what the last check of its row said, None if nobody checked it.
        now: the moment it is shown at.
        columns: how wide everything is.
        glyphs: the signs to use.
    """
    proof, verdict = proof_mark(checked, glyphs), verdict_mark(decision, glyphs)
    dots = glyphs.ellipsis
    because = ", ".join(decision.because) or decision.lost
    transfer = (decision.row.transfer or "").removeprefix("tr-")
    return (
        Piece(fit(proof.text, columns.proof, ellipsis="") + " ", proof.role),
        Piece(fit(verdict.text, VERDICT_CELLS) + " ", verdict.role),
        Piece(f"{age(decision, now):>{AGE_CELLS}} ", Role.MUTED),
        Piece(fit(who(decision), columns.who, ellipsis=dots) + " "),
        Piece(fit(decision.action, columns.action, ellipsis=dots) + " "),
        Piece(fit(resource(decision), columns.resource, ellipsis=dots) + " ", Role.MUTED),
        Piece(fit(because, columns.because, ellipsis=dots) + " ", _because_role(decision)),
        Piece(fit(transfer, columns.transfer, ellipsis=dots), Role.MUTED),
    )


def verdict_mark(decision: DecisionView, glyphs: Glyphs) -> Piece:
    """Return sign and word of a decision; what was only said in shadow is quiet, and its word says so."""
    sign, word, role = _FACES[decision.verdict]
    if decision.shadow:
        return Piece(f"{getattr(glyphs, sign)} shadow", Role.MUTED)
    return Piece(f"{getattr(glyphs, sign)} {word}", role)


def age(decision: DecisionView, now: datetime) -> str:
    """Write how long ago a decision was recorded; nothing where its time is none."""
    try:
        at = datetime.fromisoformat(decision.row.time)
        return measures.coarse((now - at).total_seconds())
    except (ValueError, TypeError):
        return ""


def who(decision: DecisionView) -> str:
    """Return who asked, without the scheme of a service's name."""
    return decision.who.removeprefix("spiffe://")


def resource(decision: DecisionView) -> str:
    """Return what it is about by its id alone: most of what policy is asked about is an artifact."""
    kind, _, name = decision.resource.partition("::")
    return name or kind


def _because_role(decision: DecisionView) -> Role:
    quiet = decision.shadow or decision.verdict is Verdict.PERMIT
    return Role.MUTED if quiet else Role.PLAIN
