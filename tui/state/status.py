"""The line at the top: alarms first, then who we are, and what the log stands on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.workspace.log.view import CheckpointView
from engine.workspace.views import Standing
from tui.state import measures
from tui.state.glyphs import Glyphs
from tui.state.line import Line, Piece, Role, clean, length

GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the top line is made of.

    Attributes:
        standing: the workspace.
        checkpoint: the newest checkpoint, or None while there is no log.
        broken: indexes of log rows that were checked and do not hold.
        problems: databases and files that cannot be read.
        waiting: what waits for a person.
        paused: True while nobody looks at the databases.
        now: the moment it is shown at.
    """

    standing: Standing
    checkpoint: CheckpointView | None
    broken: Sequence[int]
    problems: Sequence[str]
    waiting: Sequence[str] = ()
    paused: bool
    now: datetime


def status_line(status: Status, width: int, glyphs: Glyphs) -> Line:
    """Return the top line: what does not fit is dropped from the end, so alarms are never dropped."""
    line: Line = ()
    alarms = _alarms(status, glyphs)
    for number, piece in enumerate((*alarms, *_facts(status, glyphs))):
        spaced = Piece(clean((GAP if line else " ") + piece.text), piece.role)
        if length(line) + length((spaced,)) <= width:
            line = (*line, spaced)
        elif number >= len(alarms):
            break
    return line


def _alarms(status: Status, glyphs: Glyphs) -> list[Piece]:
    alarms = []
    if status.checkpoint and status.checkpoint.problem:
        alarms.append(Piece(f"{glyphs.bad} checkpoint BROKEN", Role.BAD))
    if status.broken:
        word = "proof" if len(status.broken) == 1 else "proofs"
        alarms.append(Piece(f"{glyphs.bad} {len(status.broken)} {word} BROKEN", Role.BAD))
    alarms += [Piece(f"{glyphs.bad} {problem}", Role.BAD) for problem in status.problems]
    alarms += [Piece(f"{glyphs.attention} {waiting}", Role.ATTENTION) for waiting in status.waiting]
    if status.paused:
        alarms.append(Piece(f"{glyphs.attention} paused", Role.ATTENTION))
    return alarms


def _facts(status: Status, glyphs: Glyphs) -> list[Piece]:
    standing = status.standing
    owner = {
        True: Piece(f"{glyphs.up} owner up", Role.GOOD),
        False: Piece(f"{glyphs.down} owner down", Role.MUTED),
        None: Piece(f"{glyphs.unchecked} owner unknown", Role.MUTED),
    }
    facts = [Piece(standing.organization, Role.STRONG), owner[standing.owner_up]]
    if standing.advisory:
        facts.append(Piece(f"{glyphs.attention} advisory", Role.ATTENTION))
    return facts + _log(status.checkpoint, status.now)


def _log(checkpoint: CheckpointView | None, now: datetime) -> list[Piece]:
    if checkpoint is None:
        return [Piece("no log yet", Role.MUTED)]
    age = f", {measures.age(checkpoint.time, now)}" if checkpoint.time else ""
    count = len(checkpoint.cosigned_by)
    lag = f" at {checkpoint.cosigned_size:,}" if count and checkpoint.cosigned_size < checkpoint.size else ""
    cosigned = Piece(f"{count} cosigned{lag}", Role.PLAIN if count else Role.MUTED)
    return [Piece(f"checkpoint {checkpoint.size:,}{age}", Role.PLAIN), cosigned] if not checkpoint.problem else []
