"""Rows of the audit log as lines. Proof and verdict stand leftmost, where no width drops them."""

from dataclasses import dataclass
from typing import Final

from engine.workspace.log.view import CheckedRow, LogRow, Proof
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, fit

WORDS_FROM: Final = 88
"""From this width on, proof and verdict are spelled out in the table, too."""

DATES_FROM: Final = 128
"""From this width on, a time has its date."""

BAD_ENDINGS: Final = (".deny", ".denied", ".failed", ".failsafe", ".rejected", ".refused", ".quarantined")


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is, in cells; there is a gap of one cell after each but the last."""

    proof: int
    verdict: int
    index: int
    time: int
    type: int
    actor: int
    about: int

    @classmethod
    def of(cls, width: int, rows: int) -> "Columns":
        """Share `width` cells (without the cursor's) in a log of `rows` rows."""
        proof, verdict = (11, 10) if width >= WORDS_FROM else (1, 1)
        index, time = max(3, len(f"{rows:,}")), 19 if width >= DATES_FROM else 8
        free = max(0, width - proof - verdict - index - time - 6)
        kind, actor = min(22, free * 36 // 100), min(32, free * 34 // 100)
        return cls(proof, verdict, index, time, kind, actor, free - kind - actor)


def heading(columns: Columns) -> Line:
    """Return the names of the columns."""
    names = (
        fit("PROOF" if columns.proof > 1 else "P", columns.proof),
        fit("VERDICT" if columns.verdict > 1 else "!", columns.verdict),
        f"{'ROW':>{columns.index}}",
        fit("TIME", columns.time),
        fit("EVENT", columns.type),
        fit("ACTOR", columns.actor),
        fit("ABOUT", columns.about),
    )
    return (Piece(" " + " ".join(names), Role.STRONG),)


def row_line(row: LogRow, checked: CheckedRow | None, columns: Columns, glyphs: Glyphs) -> Line:
    """Return the line of a row.

    Args:
        row: the row as the database has it.
        checked: what its last check said, None if nobody checked it.
        columns: how wide everything is.
        glyphs: the signs to use.
    """
    proof, verdict = proof_mark(checked, glyphs), verdict_mark(row, glyphs)
    stamp = row.time[:19].replace("T", " ")[-columns.time :]
    return (
        Piece(fit(proof.text, columns.proof, ellipsis="") + " ", proof.role),
        Piece(fit(verdict.text, columns.verdict, ellipsis="") + " ", verdict.role),
        Piece(f"{row.index:>{columns.index},} {fit(stamp, columns.time)} ", _place_role(checked)),
        Piece(fit(row.type or "missing row", columns.type, ellipsis=glyphs.ellipsis) + " ", _type_role(row)),
        Piece(fit(actor(row), columns.actor, ellipsis=glyphs.ellipsis) + " "),
        Piece(fit(about(row), columns.about, ellipsis=glyphs.ellipsis), Role.MUTED),
    )


def proof_mark(checked: CheckedRow | None, glyphs: Glyphs) -> Piece:
    """Return sign and word of a proof."""
    match checked.proof if checked else Proof.UNCHECKED:
        case Proof.PROVED:
            return Piece(f"{glyphs.good} {Proof.PROVED}", Role.GOOD)
        case Proof.BROKEN:
            return Piece(f"{glyphs.bad} {Proof.BROKEN}", Role.BAD)
        case _:
            return Piece(f"{glyphs.unchecked} {Proof.UNCHECKED}", Role.MUTED)


def verdict_mark(row: LogRow, glyphs: Glyphs) -> Piece:
    """Return sign and word of what policy said, nothing where it was not asked."""
    match row.decision:
        case None:
            return Piece("")
        case "permit":
            return Piece(f"{glyphs.good} permit", Role.GOOD)
        case "deny":
            return Piece(f"{glyphs.bad} DENY", Role.BAD)
        case other:
            return Piece(f"{glyphs.attention} {other}", Role.ATTENTION)


def actor(row: LogRow) -> str:
    """Return who acted: the name, without the scheme of a service's, or the pseudonym where the name is gone."""
    return (row.name or row.actor).removeprefix("spiffe://")


def about(row: LogRow) -> str:
    """Say in a few words what a row is about: partner, transfer, artifact."""
    parts = (row.partner, row.transfer and row.transfer[:11], row.artifact and row.artifact[:8])
    return " ".join(part for part in parts if part)


def _place_role(checked: CheckedRow | None) -> Role:
    return Role.BAD if checked and checked.proof is Proof.BROKEN else Role.MUTED


def _type_role(row: LogRow) -> Role:
    return Role.BAD if not row.type or row.type.endswith(BAD_ENDINGS) else Role.PLAIN
