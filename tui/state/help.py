"""The help text: keys, filters and signs."""

from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role

KEYS = (
    ("2  3  4  5", "transfers, decisions, policies, audit"),
    ("j k  g G  ^d ^u", "down and up, first and last, half a screen"),
    ("g  e", "audit: go to an entry or time; export with proofs"),
    ("enter  esc", "open the details, leave them"),
    ("/", "filter: text, key=value, !; audit: tab completes"),
    ("f  space", "keep the cursor where the news is; pause the table"),
    ("v", "audit: check the proofs of the visible rows again"),
    ("p a x  w r", "propose, approve, activate, withdraw, roll back"),
    ("c  y", "transfers: the custody story; copy as JSON"),
    ("q", "quit"),
)
KEY_CELLS = 17


def help_lines(glyphs: Glyphs) -> list[Line]:
    """Return the help text."""
    return [
        (Piece("Keys", Role.STRONG),),
        *((Piece(f"{key:<{KEY_CELLS}}", Role.RUNNING), Piece(what)) for key, what in KEYS),
        BLANK,
        (Piece("Signs", Role.STRONG),),
        (Piece(f"{glyphs.good} ", Role.GOOD), Piece("permitted, proved or done")),
        (Piece(f"{glyphs.bad} ", Role.BAD), Piece("denied, broken or failed")),
        (Piece(f"{glyphs.attention} ", Role.ATTENTION), Piece("somebody has to look")),
        (Piece(f"{glyphs.running} ", Role.RUNNING), Piece("moving, or changed")),
        (
            Piece(f"{glyphs.unchecked} ", Role.MUTED),
            Piece("not reached, or not checked yet: it says nothing good"),
        ),
    ]
