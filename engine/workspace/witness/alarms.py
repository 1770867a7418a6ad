"""What the newest round of witnessing left for people to see: who is late, and which forks nobody has resolved.

INVARIANT: only files are read here, so that a screen may ask at any time.
"""

import json
from typing import Final

from engine.workspace.layout import Layout

LIMIT: Final = 1 << 20
"""The most bytes of the file of alarms."""


def read_alarms(layout: Layout) -> dict[str, int]:
    """Return who was late at the last round, with the size each cosigned up to.

    A file that is missing or unreadable means nobody: an alarm is then raised anew, and the log finds it recorded.
    """
    try:
        with layout.witness_alarms.open("rb") as file:
            alarms = json.loads(file.read(LIMIT))
        return {str(name): int(size) for name, size in alarms.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def unresolved_forks(layout: Layout) -> tuple[str, ...]:
    """Return the ids of forks that wait for a person, sorted."""
    found = sorted(path for path in layout.forks.glob("*.json") if not path.name.startswith("."))
    return tuple(path.stem for path in found if not path.with_suffix(".resolved").exists())
