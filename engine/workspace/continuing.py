"""Opening the next origin of a workspace's log, after its database was restored from a backup."""

import itertools
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from engine.audit.checkpoint import read_checkpoint
from engine.audit.continuation import check_continuation, continued, last_cosigned, next_origin
from engine.audit.log import AuditLog
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.digest import JSON
from engine.errors import LadingError, UsageError
from engine.events import Clock, system_clock
from engine.files import sync_folder
from engine.signing.trust_folder import TrustFolder
from engine.workspace.issuing import issue_document
from engine.workspace.keys import secret_key, signing_key
from engine.workspace.layout import Layout
from engine.workspace.owner import owning
from engine.workspace.settings import load_settings
from engine.workspace.witnessing import known_witnesses


def continue_log(home: Path, *, actor: str, reason: str, clock: Clock = system_clock) -> dict[str, JSON]:
    """Begin the log of the next origin, and issue the trust document that lists it first.

    The restored database is kept as `state/audit-<n>.db`. After a crash, calling it again finishes what was begun.
    Partners take the new log once they have confirmed the new trust document.

    Args:
        home: the workspace; nobody may own it.
        actor: the identity that restored the backup.
        reason: theirs.
        clock: the time.

    Raises:
        OwnerBusy: a gateway or a command owns the workspace.
        UsageError: nothing was ever remembered of the log: it needs no new origin.
        BadSignature: a remembered checkpoint was not signed by the log.
    """
    layout = Layout(home)
    settings = load_settings(layout.settings)
    with owning(layout.lock):
        trust = TrustFolder(layout.trust)
        former = NoteKey.parse(trust.own().log_keys[0])
        origin = next_origin(former.name)
        keys = [former, *(witness.key for witness in known_witnesses(trust))]
        notes = Remembered(layout.remembered).all(former.name)
        last = last_cosigned(notes, keys)
        if last is None:
            raise UsageError(
                f"nothing is remembered of {former.name} outside its database",
                remedy="Restore state/remembered.jsonl as well: it says up to where the log was witnessed.",
            )
        if _origin_of(layout.audit_database) != origin:
            _begin(layout, origin, clock, last, actor, reason)
        document, _ = issue_document(layout, settings, clock(), origin=origin)
        _remember(layout, document.log_keys[0])
    checkpoint = read_checkpoint(last)
    return {
        "origin": origin,
        "former": former.name,
        "size": checkpoint.size,
        "kept": str(_former_path(layout, former.name)),
        "version": document.version,
    }


def verify_continuations(home: Path) -> list[dict[str, Any]]:
    """Verify for each log that continues another that it goes on from where the former was witnessed.

    Returns:
        One item per former log, newest first: origin, the size that was continued from, who cosigned it, and where
        its restored database is kept.

    Raises:
        BadSignature, LogTampered: one does not.
    """
    layout = Layout(home)
    trust = TrustFolder(layout.trust)
    witnesses = [witness.key for witness in known_witnesses(trust)]
    logs = [NoteKey.parse(vkey) for vkey in trust.own().log_keys]
    remembered = Remembered(layout.remembered)
    found = []
    for current, former in itertools.pairwise(logs):
        path = layout.audit_database if current == logs[0] else _former_path(layout, current.name)
        with LogReader(path) as log:
            first = log.entry(0)
        signed = check_continuation(current.name, first, [former, *witnesses], remembered.all(former.name))
        found.append(
            {
                "origin": former.name,
                "size": signed.checkpoint.size,
                "cosigned_by": sorted({one.key.name for one in signed.cosigned}),
                "kept": str(_former_path(layout, former.name)),
            }
        )
    return found


def _begin(layout: Layout, origin: str, clock: Clock, last: bytes, actor: str, reason: str) -> None:
    """Make the new database beside the old one, and put it in its place in one step."""
    fresh = layout.state / "audit.next.db"
    for leftover in (fresh, *(Path(f"{fresh}{suffix}") for suffix in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    with AuditLog(
        fresh,
        origin=origin,
        key=signing_key(layout.keys, "log"),
        pseudonym_key=secret_key(layout.keys, "pseudonym"),
        source=f"urn:lading:{origin.partition('/')[0]}",
        clock=clock,
    ) as log:
        log.record(continued(last, actor=actor, reason=reason, restored=_size_of(layout.audit_database)))
    _settle(fresh)
    with suppress(sqlite3.Error):  # what was restored may be broken: it is kept as it is
        _settle(layout.audit_database)
    kept = _former_path(layout, read_checkpoint(last).origin)
    if layout.audit_database.exists() and not kept.exists():
        os.link(layout.audit_database, kept)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{layout.audit_database}{suffix}").rename(f"{kept}{suffix}")
    fresh.replace(layout.audit_database)
    sync_folder(layout.state)


def _settle(path: Path) -> None:
    """Move what a write-ahead log holds into its database, so that the one file is all there is."""
    if path.exists():
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remember(layout: Layout, vkey: str) -> None:
    with LogReader(layout.audit_database) as log:
        Remembered(layout.remembered).add(log.newest_checkpoint(), NoteKey.parse(vkey).name)


def _former_path(layout: Layout, origin: str) -> Path:
    return layout.state / f"audit-{origin.rpartition('/')[2]}.db"


def _size_of(path: Path) -> int:
    try:
        with LogReader(path) as log:
            return log.size
    except (LadingError, OSError):
        return 0  # nothing of the former log could be restored


def _origin_of(path: Path) -> str | None:
    try:
        with LogReader(path) as log:
            return read_checkpoint(log.newest_checkpoint()).origin
    except (LadingError, OSError):
        return None
