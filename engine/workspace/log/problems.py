"""What a verification's problems mean to people: since when, what each kind says, what to do, and who else can tell."""

from collections.abc import Sequence
from pathlib import Path

from engine.audit.held import Held, held_until
from engine.audit.meaning import MEANINGS
from engine.audit.note import NoteKey
from engine.audit.verification import Problem
from engine.digest import JSON


def explain_problems(
    database: Path,
    problems: Sequence[Problem],
    *,
    key: NoteKey,
    remembered: Sequence[bytes],
    witnesses: Sequence[NoteKey],
) -> dict[str, JSON]:
    """Return `held`, up to where the log held together, and `explained`, a text for each kind of problem.

    Both are empty for a log that verifies; `held` is None, too, if no known checkpoint shows anything.
    """
    if not problems:
        return {"held": None, "explained": []}
    held = held_until(database, problems, key=key, remembered=remembered, witnesses=witnesses)
    kinds = dict.fromkeys(problem.kind for problem in problems)
    explained: list[JSON] = [
        {"kind": str(kind), "means": said.means, "remedy": said.remedy, "tells": said.tells}
        for kind in kinds
        for said in (MEANINGS[kind],)
    ]
    return {"held": _held(held), "explained": explained}


def _held(held: Held | None) -> JSON:
    if held is None:
        return None
    return {
        "size": held.checkpoint.size,
        "root": held.checkpoint.root.hex(),
        "remembered": held.remembered,
        "cosigned": [{"witness": name, "time": time} for name, time in held.cosigned],
    }
