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

MOST_DENIALS: Final = 100
"""How many events of denials are kept, the first ones: nothing comes of a denial, however often somebody asks."""

_LIMIT: Final = 16 << 20


def keep_unrecorded(layout: Layout, events: Sequence[Event]) -> None:
    """Keep events durably, in place of any that were kept before and whose effect never came."""
    _write(layout, events)


def keep_denial(layout: Layout, events: Sequence[Event]) -> None:
    """Keep durably what tells of a denial, with what was kept before, for a log that is still to be opened.

    Args:
        layout: the workspace; the caller owns it.
        events: of one denial; not kept if there would be more than `MOST_DENIALS`.

    Raises:
        InputError: the file cannot be read.
    """
    kept = kept_events(layout)
    if len(kept) + len(events) <= MOST_DENIALS:
        _write(layout, [*kept, *events])


def kept_events(layout: Layout) -> list[Event]:
    """Return what is kept, in the order in which it happened.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        said: Any = parse_json(read_regular(layout.unrecorded, _LIMIT), what=str(layout.unrecorded), limit=_LIMIT)
    except FileNotFoundError:
        return []
    try:
        return [Event(**each) for each in said]
    except TypeError:
        raise InputError(
            f"{layout.unrecorded} holds no events", remedy="Restore it as it was, or move it away and say so."
        ) from None


def record_kept(layout: Layout, log: Recorder) -> None:
    """Record what was kept, if anything was. Doing it again records nothing twice.

    Raises:
        InputError: the file cannot be read.
        LadingError: as the log says.
    """
    if not layout.unrecorded.exists():
        return
    log.record_many(kept_events(layout))
    layout.unrecorded.unlink()
    sync_folder(layout.state)


def _write(layout: Layout, events: Sequence[Event]) -> None:
    write_atomic(layout.unrecorded, canonical([asdict(event) for event in events]), mode=0o600)
