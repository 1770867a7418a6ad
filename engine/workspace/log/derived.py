"""What is derived from the log of a workspace: compared by anybody, rebuilt by the owner."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.audit import schema
from engine.audit.fsck import Beside, fsck, known_milestone, search_problems
from engine.audit.remembered import Remembered
from engine.audit.repair import repair
from engine.audit.search import drop_index
from engine.digest import JSON
from engine.errors import LogTampered
from engine.workspace.layout import Layout
from engine.workspace.log.problems import explain_problems
from engine.workspace.log.record import cosigners, describe, log_layout, pinned_key, witnessed
from engine.workspace.office import Office

Progress = Callable[[dict[str, Any]], None]


def check_derived(home: Path, progress: Progress) -> dict[str, JSON]:
    """Compute everything derived from the log again and compare; see `engine.audit.fsck`.

    Raises:
        LogTampered: what is remembered outside the database is damaged.
        InputError, WorkspaceError: there is no workspace, or no log, or the full-text index cannot be opened.
    """
    layout = log_layout(home)
    key = pinned_key(layout)
    remembered, witnesses = Remembered(layout.remembered).all(key.name), cosigners(layout)
    found = fsck(
        layout.audit_database,
        _beside(layout),
        key=key,
        remembered=remembered,
        witnesses=witnesses,
        progress=_steps(progress),
    )
    compared: dict[str, JSON] = dict(found.compared)
    compared["search"] = layout.search_database.exists()
    compared["milestone"] = layout.milestone.exists()
    explained = explain_problems(
        layout.audit_database, found.verification.problems, key=key, remembered=remembered, witnesses=witnesses
    )
    told = describe(found.verification, key.name, len(remembered), witnessed(layout))
    return told | explained | {"compared": compared}


def rebuild(office: Office, progress: Progress, *, dry_run: bool) -> dict[str, JSON]:
    """Rebuild what is derived wrongly from the log, and return what it was.

    Raises:
        LogTampered: something that is not derived is wrong; nothing was changed.
        WorkspaceError: the database or the full-text index cannot be used.
    """
    layout = office.layout
    key = pinned_key(layout)
    known, broken = known_milestone(layout.milestone, key)
    seen = (*Remembered(layout.remembered).all(key.name), *([known] if known else []))
    with _database(office) as db:
        rebuilt = repair(
            db, key=key, remembered=seen, witnesses=cosigners(layout), dry_run=dry_run, progress=_steps(progress)
        )
    steps = _steps(progress)
    stale = search_problems(
        layout.audit_database, layout.search_database, lambda done, total: steps("searching", done, total)
    )
    if stale and not dry_run:
        drop_index(layout.search_database)
    if broken and not dry_run:
        layout.milestone.unlink()
    return {
        "columns": rebuilt.columns,
        "tiles": rebuilt.tiles,
        "indexes": rebuilt.indexes,
        "search": bool(stale),
        "milestone": bool(broken),
    }


@contextmanager
def _database(office: Office) -> Iterator[sqlite3.Connection]:
    """Lend the log's database for writing, while nobody appends."""
    path = office.layout.audit_database
    try:
        log = office.log
    except LogTampered:  # its tiles do not let it take up its head, so nobody has it open
        with schema.mapped(path), closing(schema.open_writer(path)) as db:
            yield db
    else:
        with log.exclusively() as db:
            yield db


def _beside(layout: Layout) -> Beside:
    return Beside(layout.search_database, layout.milestone)


def _steps(progress: Progress) -> Callable[[str, int, int], None]:
    return lambda step, done, total: progress({"step": step, "done": done, "total": total})
