"""Recorded decisions of a workspace, read from its log and its policy database, with no need of its owner."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from engine.audit.entry import Entry
from engine.audit.reader import LogReader, Row
from engine.digest import sha256
from engine.errors import InputError
from engine.events import event_id, timestamp
from engine.policy.recorded import RecordedDecision
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings

_PAGE: Final = 512
_WHOLE: Final = 32  # characters of a decision's id
_LEAST: Final = 4
_REMEDY: Final = "'lading audit show --type decision.deny' lists denials; their payload names the decision."


def recorded_decision(home: Path, ref: str) -> RecordedDecision:
    """Return one recorded decision by its id, or the beginning of it.

    Raises:
        InputError: there is none of that name, more than one, or its payload was erased.
        LogTampered, DigestMismatch: what is kept is not what was recorded.
    """
    layout = _layout(home)
    with LogReader(layout.audit_database) as log, _slices(layout) as slices:
        entry = log.find(event_id(ref, "decision")) if len(ref) == _WHOLE else None
        if entry is not None and entry.payload is None:
            raise InputError(f"the payload of decision {ref} was erased", remedy="It cannot be decided again.")
        if entry is not None:
            return _recorded(entry, slices)
    matching = [each for each in recorded_decisions(home) if each.id.startswith(ref)] if len(ref) >= _LEAST else []
    if len(matching) != 1:
        raise InputError(
            f"{'more than one decision is' if matching else 'no decision is'} called {ref!r}", remedy=_REMEDY
        )
    return matching[0]


def recorded_decisions(
    home: Path, *, since: datetime | None = None, limit: int | None = None, shadow: bool = False
) -> Iterator[RecordedDecision]:
    """Yield the decisions of a workspace, newest first; those whose payload was erased are left out.

    Args:
        home: the workspace.
        since: no older ones.
        limit: how many at most.
        shadow: those that were made in shadow, instead of those that bound.

    Raises:
        LogTampered, DigestMismatch: what is kept is not what was recorded.
    """
    layout = _layout(home)
    wanted = {"decision.shadow"} if shadow else {"decision.permit", "decision.deny", "decision.failsafe"}
    oldest = timestamp(since) if since else ""
    with LogReader(layout.audit_database) as log, _slices(layout) as slices:
        entries = (log.entry(row.index) for row in _newest_first(log, oldest) if row.type in wanted)
        yield from islice((_recorded(entry, slices) for entry in entries if entry.payload is not None), limit)


def _newest_first(log: LogReader, oldest: str) -> Iterator[Row]:
    for end in range(log.size, 0, -_PAGE):
        start = max(0, end - _PAGE)
        for row in reversed(log.rows(start, end - start)):
            if row.time < oldest:
                return
            yield row


Slices = Callable[[str], bytes | None]


def _recorded(entry: Entry, slices: Slices) -> RecordedDecision:
    record = str((entry.payload or {}).get("record", "")).encode()
    bare = RecordedDecision.read(sha256(record)[:_WHOLE], record, None)
    digest = bare.record["entities"]
    body = slices(digest) if digest else None
    return RecordedDecision.read(bare.id, record, body) if body is not None else bare


@contextmanager
def _slices(layout: Layout) -> Iterator[Slices]:
    """Look slices up in the policy database; a workspace without one has none."""
    if not layout.policy_database.is_file():
        yield lambda _: None
        return
    location = f"{layout.policy_database.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(location, uri=True)) as connection:

        def find(digest: str) -> bytes | None:
            row = connection.execute("SELECT body FROM slice WHERE digest = ?", (digest,)).fetchone()
            return bytes(row[0]) if row else None

        yield find


def _layout(home: Path) -> Layout:
    layout = Layout(home)
    load_settings(layout.settings)
    return layout
