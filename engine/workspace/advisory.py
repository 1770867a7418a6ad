"""Whether two names can be taken for two people."""

import os
from pathlib import Path
from typing import Final

from engine.workspace.layout import Layout

FOUR_EYES: Final = "four eyes are advisory here: one OS user owns the workspace and can act under every name"


def advisory(layout: Layout) -> bool:
    """Say whether whoever asks is the OS user that owns the workspace, so that policy can be walked around."""
    state = layout.state
    return not state.exists() or state.stat().st_uid == os.geteuid()


def four_eyes_note(home: Path) -> str | None:
    """Return what every output about a second person has to add; None where the OS keeps people apart."""
    return FOUR_EYES if advisory(Layout(home)) else None
