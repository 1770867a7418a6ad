"""The states of a transfer: sign, word and role, and how far along the pipeline they are."""

from dataclasses import dataclass

from tui.state.glyphs import Glyphs
from tui.state.line import Piece, Role

STEPS = ("preflight", "decide", "approve", "offer", "send", "commit", "receipt", "verdict", "witness")


@dataclass(frozen=True, slots=True)
class Face:
    """How a state looks: the name of its glyph, its word (at most 11 characters) and its role."""

    glyph: str
    word: str
    role: Role


FACES = {
    "preparing": Face("running", "preparing", Role.RUNNING),
    "offered": Face("running", "offered", Role.RUNNING),
    "sending": Face("running", "sending", Role.RUNNING),
    "committing": Face("running", "committing", Role.RUNNING),
    "validating": Face("running", "validating", Role.RUNNING),
    "awaiting-approval": Face("attention", "to approve", Role.ATTENTION),
    "interrupted": Face("attention", "interrupted", Role.ATTENTION),
    "completed": Face("good", "completed", Role.GOOD),
    "failed": Face("bad", "FAILED", Role.BAD),
    "denied": Face("bad", "DENIED", Role.BAD),
    "quarantined": Face("bad", "QUARANTINED", Role.BAD),
}
UNKNOWN = Face("attention", "unknown", Role.ATTENTION)
MOVING = frozenset({"preparing", "offered", "sending", "committing", "validating"})
WAITING = frozenset({"awaiting-approval", "interrupted"})


def face(state: str) -> Face:
    """Return how a state looks; a word we do not know asks for attention, it never looks good."""
    return FACES.get(state, UNKNOWN)


def mark(state: str, glyphs: Glyphs) -> Piece:
    """Return sign and word of a state."""
    seen = face(state)
    return Piece(f"{getattr(glyphs, seen.glyph)} {seen.word}", seen.role)


def pipeline(state: str, step: str, glyphs: Glyphs) -> list[Piece]:
    """Return one piece per step: done, the present one in its state's colour, and what was not reached."""
    at, here = _place(state, step), face(state)
    pieces = [Piece(f"{glyphs.good} {name}", Role.GOOD) for name in STEPS[: max(0, at)]]
    if 0 <= at < len(STEPS):
        pieces.append(Piece(f"{getattr(glyphs, here.glyph)} {STEPS[at]}", here.role))
    elif state == "quarantined" and at == len(STEPS):
        pieces[STEPS.index("verdict")] = Piece(f"{glyphs.bad} verdict", Role.BAD)
    return pieces + [Piece(f"{glyphs.unchecked} {name}", Role.MUTED) for name in STEPS[at + 1 :]]


def _place(state: str, step: str) -> int:
    """Return the index of the present step, the number of steps when all are done, -1 when nobody knows."""
    if state == "completed" or step == "done":
        return len(STEPS)
    if state == "awaiting-approval":
        return STEPS.index("approve")
    return STEPS.index(step) if step in STEPS else -1
