"""Following a log: what a filter lets through, as it is recorded."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from engine.audit.query.find import Found, Search, find
from engine.audit.reader import LogReader
from engine.digest import JSON
from engine.errors import WorkspaceError
from engine.workspace.log.querying import UNCHECKED, asking, proof_state, shown

PAUSE_SECONDS: Final = 0.25
"""Between two looks at the number that SQLite changes with every commit: some microseconds each."""


def watch_log(home: Path, text: str, since: str | None = None) -> Iterator[dict[str, JSON]]:
    """Yield entries that meet a filter, for ever: those from now on, and first those since a moment if one is given.

    Args:
        home: the workspace folder.
        text: the filter.
        since: a moment as `since:` takes it.

    Raises:
        FilterError: the filter cannot be read.
        WorkspaceError: another log took the place of this one.
    """
    with asking(home) as questions:
        log = questions.log
        term = questions.read(text)
        at = log.size
        if since is not None:
            past = questions.read(f'since:"{since}" ({text})' if text.strip() else f'since:"{since}"')
            source = questions.source(past, at, thorough=False)
            yield from map(_row(log), find(log, Search(past, source, 0, at, newest_first=False)))
        for size in sizes(log, at):
            # New entries are few: their leaves are read, and no index has to be brought up to date.
            source = questions.source(term, size, thorough=True)
            yield from map(_row(log), find(log, Search(term, source, at, size, newest_first=False)))
            at = size


def sizes(log: LogReader, size: int, wait: Callable[[float], object] = time.sleep) -> Iterator[int]:
    """Yield the log's size whenever it has grown beyond the last one.

    Raises:
        WorkspaceError: the log became shorter.
    """
    version: int | None = None
    while True:
        seen = log.data_version()
        if seen != version:
            version, now = seen, log.size
            if now < size:
                raise WorkspaceError(
                    f"the audit log had {size} entries and has {now} now",
                    remedy="Run 'lading audit verify': an older copy may have taken its place.",
                )
            if now > size:
                yield now
                size = now
                continue
        wait(PAUSE_SECONDS)


def _row(log: LogReader) -> Callable[[Found], dict[str, JSON]]:
    return lambda found: shown(found, UNCHECKED if found.entry else proof_state(log, found, None))
