"""Everything about one row of the audit log, as lines: the proof, the leaf, the payload and the inclusion path."""

from engine.text import counted
from engine.workspace.log.view import CheckedRow, Evidence, LogRow, Proof
from tui.state.audit_lines import proof_mark, verdict_mark
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, fit, wrap

LABEL_CELLS = 10


def detail(
    row: LogRow, checked: CheckedRow | None, evidence: Evidence, *, age: str = "", width: int, glyphs: Glyphs
) -> list[Line]:
    """Return the detail of a row.

    Args:
        row: the row as the database has it.
        checked: what its last check said, None if nobody checked it.
        evidence: leaf, payload and path.
        age: how old the newest checkpoint is, as `3s ago`; empty when nobody can tell.
        width: cells in a line.
        glyphs: the signs to use.
    """
    return [
        (Piece(f"row {row.index:,}  ", Role.MUTED), Piece(clean(row.type or "missing"), Role.STRONG)),
        *_proof(checked, evidence, age, width, glyphs),
        BLANK,
        *_facts(row, width, glyphs),
        BLANK,
        (Piece("leaf", Role.STRONG), Piece("  what the tree commits to", Role.MUTED)),
        *_text(evidence.leaf, width, glyphs),
        BLANK,
        (Piece("payload", Role.STRONG), Piece("  bound by the leaf's commitment, can be erased", Role.MUTED)),
        *_text(evidence.payload or "not in the log", width, glyphs),
        BLANK,
        (Piece("inclusion path", Role.STRONG), Piece("  from the leaf up to the root", Role.MUTED)),
        *_text("\n".join(evidence.path) or "none", width, glyphs),
    ]


def _proof(checked: CheckedRow | None, evidence: Evidence, age: str, width: int, glyphs: Glyphs) -> list[Line]:
    mark = proof_mark(checked, glyphs)
    if checked is None:
        return [(mark,)]
    if checked.proof is Proof.PROVED:
        how = (
            f"  in {counted(len(evidence.path), 'steps')} up to checkpoint {checked.size:,}{f', {age}' if age else ''}"
        )
        return [(mark, Piece(how, Role.MUTED))]
    return [(mark,), *((Piece(line, mark.role),) for line in wrap(checked.why, width))]


def _facts(row: LogRow, width: int, glyphs: Glyphs) -> list[Line]:
    verdict = verdict_mark(row, glyphs)
    facts = (
        ("time", row.time),
        ("actor", row.name or f"{row.actor} (pseudonym)"),
        ("partner", row.partner),
        ("transfer", row.transfer),
        ("artifact", row.artifact),
        ("agreement", row.agreement),
        ("policy", row.policy),
        ("verdict", verdict.text),
    )
    room = max(0, width - LABEL_CELLS - 1)
    return [
        (
            Piece(f"{label:<{LABEL_CELLS}} ", Role.MUTED),
            Piece(fit(text, room, ellipsis=glyphs.ellipsis), verdict.role if label == "verdict" else Role.PLAIN),
        )
        for label, text in facts
        if text
    ]


def _text(text: str, width: int, glyphs: Glyphs) -> list[Line]:
    return [(Piece(fit(line, width, ellipsis=glyphs.ellipsis)),) for line in text.split("\n")]
