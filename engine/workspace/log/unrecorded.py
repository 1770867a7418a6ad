"""Events that the log could not take when what they tell of was decided: kept beside it, and recorded once it can.

INVARIANT: what was kept is recorded before anything else is, once, and only then forgotten.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from engine.digest import canonical, parse_json
from engine.errors import InputError
from engine.events import Event, Recorder
from engine.files import read_regular, sync_folder, write_atomic
from engine.workspace.layout import Layout

_LIMIT: Final = 16 << 20


def keep_unrecorded(layout: Layout, events: Sequence[Event]) -> None:
    """Keep events durably, in place of any that were kept before and whose effect never came."""
    write_atomic(layout.unrecorded, canonical([asdict(event) for event in events]), mode=0o600)


def record_kept(layout: Layout, log: Recorder) -> None:
    """Record what was kept, if anything was. Doing it again records nothing twice.

    Raises:
        InputError: the file cannot be read.
        LadingError: as the log says.
    """
    try:
        said: Any = parse_json(read_regular(layout.unrecorded, _LIMIT), what=str(layout.unrecorded), limit=_LIMIT)
    except FileNotFoundError:
        return
    try:
        events = [Event(**each) for each in said]
    except TypeError:
        raise InputError(
            f"{layout.unrecorded} holds no events", remedy="Restore it as it was, or move it away and say so."
        ) from None
    log.record_many(events)
    layout.unrecorded.unlink()
    sync_folder(layout.state)
