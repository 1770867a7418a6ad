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
    "offered": Face("running", "offered", Role.RUNNING),
    "sending": Face("running", "sending", Role.RUNNING),
    "committing": Face("running", "committing", Role.RUNNING),
    "validating": Face("running", "validating", Role.RUNNING),
    "awaiting-approval": Face("attention", "approval?", Role.ATTENTION),
    "interrupted": Face("attention", "interrupted", Role.ATTENTION),
    "completed": Face("good", "completed", Role.GOOD),
    "failed": Face("bad", "FAILED", Role.BAD),
    "denied": Face("bad", "DENIED", Role.BAD),
    "quarantined": Face("bad", "QUARANTINED", Role.BAD),
}
UNKNOWN = Face("attention", "unknown", Role.ATTENTION)
MOVING = frozenset({"offered", "sending", "committing", "validating"})
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
    if state == "completed":
        return [Piece(f"{glyphs.good} {name}", Role.GOOD) for name in STEPS]
    at = STEPS.index(step) if step in STEPS else -1
    here = face(state)
    pieces = [Piece(f"{glyphs.good} {name}", Role.GOOD) for name in STEPS[: max(0, at)]]
    if at >= 0:
        pieces.append(Piece(f"{getattr(glyphs, here.glyph)} {STEPS[at]}", here.role))
    return pieces + [Piece(f"{glyphs.unchecked} {name}", Role.MUTED) for name in STEPS[at + 1 :]]
