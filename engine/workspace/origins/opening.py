"""Opening the log of the next origin, after its database was restored or when its key is rotated.

    keys/log.next.pem    the new key, if there is one
    state/opening.json   what is meant: from here on nothing but this is done to the log
    state/audit.db       the new log, put in its place in one step; the former one stays as audit-<n>.db
    trust/own            the trust document that lists the new log first
    keys/log.pem         the new key; the former one stays as log-<n>.pem, unless it is to be forgotten

INVARIANT: a crash anywhere between is finished by doing it again: each step looks whether it was done.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import read_checkpoint
from engine.audit.continuation import continued, next_origin, number_of
from engine.audit.log import AuditLog
from engine.audit.note import NoteKey, NoteSigner
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.search import drop_index
from engine.digest import canonical, parse_json
from engine.errors import InputError, LadingError, UsageError, WorkspaceError
from engine.events import Clock, Event
from engine.files import read_regular, sync_folder, write_atomic
from engine.signing.trust_document import TrustDocument
from engine.workspace.issuing import issue_document
from engine.workspace.keys import NEXT, make_next_key, secret_key, signing_key, take_next_key
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings

Cause = Literal["restored", "rotated"]

_LIMIT: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Opening:
    """What is meant by an opening that was begun.

    Attributes:
        cause: why the next log is opened.
        former: verifier key of the log that ends.
        following: verifier key of the log that begins.
        actor: the identity that has it done.
        reason: theirs.
        forget: whether the former log's private key goes.
        events: what the new log records right after its first entry.
    """

    cause: Cause
    former: str
    following: str
    actor: str
    reason: str
    forget: bool
    events: tuple[Event, ...] = ()

    @property
    def former_key(self) -> NoteKey:
        """The key of the log that ends; its name is the origin."""
        return NoteKey.parse(self.former)

    @property
    def key(self) -> NoteKey:
        """The key of the log that begins; its name is the origin."""
        return NoteKey.parse(self.following)


def read_opening(layout: Layout, cause: Cause) -> Opening | None:
    """Return the opening that was begun and not finished, or None.

    Raises:
        InputError: the file that says so cannot be read.
        UsageError: it was begun for another cause.
    """
    try:
        value: Any = parse_json(read_regular(layout.opening, _LIMIT), what=str(layout.opening), limit=_LIMIT)
    except FileNotFoundError:
        return None
    try:
        found = Opening(**{**value, "events": tuple(Event(**each) for each in value["events"])})
    except (TypeError, KeyError):
        raise InputError(f"{layout.opening} is damaged", remedy="Restore the workspace from a backup.") from None
    if found.cause != cause:
        raise UsageError(
            f"the next log is being opened because this one was {found.cause}", remedy=finish_remedy(found.cause)
        )
    return found


def finish_remedy(cause: str) -> str:
    """Say which command finishes an opening."""
    command = "lading audit rotate-key" if cause == "rotated" else "lading backup continue"
    return f"Finish it: run '{command} --reason …' again; it goes on where it stopped."


def begin_opening(
    layout: Layout,
    former: NoteKey,
    cause: Cause,
    *,
    actor: str,
    reason: str,
    new_key: bool,
    forget: bool = False,
    events: Sequence[Event] = (),
) -> Opening:
    """Make the key of the next log, if it gets a new one, and say durably what is meant.

    Raises:
        UsageError: `keys/log.pem` is not the key of the log that ends.
    """
    current = signing_key(layout.keys, "log")
    if NoteSigner(former.name, current).key != former:
        raise UsageError(
            f"{layout.keys / 'log.pem'} is not the key of {former.name}",
            remedy="Its key was rotated after the backup was made: restore a backup made since then. With an "
            "older one, partners would see the same log begin twice.",
        )
    following = make_next_key(layout.keys) if new_key else current
    key = NoteSigner(next_origin(former.name), following).key
    opening = Opening(cause, former.vkey, key.vkey, actor, reason, forget, tuple(events))
    said = asdict(opening) | {"events": [asdict(event) for event in events]}
    write_atomic(layout.opening, canonical(said), mode=0o600)
    return opening


def open_log(layout: Layout, key: NoteKey, private: Ed25519PrivateKey, clock: Clock, path: Path) -> AuditLog:
    """Open one of this organization's logs for appending, or make it."""
    return AuditLog(
        path,
        origin=key.name,
        key=private,
        pseudonym_key=secret_key(layout.keys, "pseudonym"),
        source=f"urn:lading:{key.name.partition('/')[0]}",
        clock=clock,
    )


def has_begun(layout: Layout, opening: Opening) -> bool:
    """Say whether the new log is in its place."""
    try:
        with LogReader(layout.audit_database) as log:
            return log.origin == opening.key.name
    except (LadingError, OSError):
        return False  # what was restored may be broken


def begin_log(layout: Layout, opening: Opening, last: bytes, clock: Clock, *, restored: int | None) -> None:
    """Make the new log beside the old one, and put it in its place in one step.

    Args:
        layout: the workspace.
        opening: what is meant.
        last: the former log's checkpoint to go on from.
        clock: the time.
        restored: how many entries of the former log the backup held; None if it ended whole.
    """
    fresh = layout.state / "audit.next.db"
    for leftover in (fresh, *(Path(f"{fresh}{suffix}") for suffix in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    with open_log(layout, opening.key, _private(layout, opening), clock, fresh) as log:
        first = continued(last, actor=opening.actor, reason=opening.reason, restored=restored)
        log.record_many([first, *opening.events])
    _settle(fresh)
    with suppress(sqlite3.Error):  # what was restored may be broken: it is kept as it is
        _settle(layout.audit_database)
    kept = kept_log(layout, opening.former_key.name)
    if layout.audit_database.exists() and not kept.exists():
        os.link(layout.audit_database, kept)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{layout.audit_database}{suffix}").rename(f"{kept}{suffix}")
    fresh.replace(layout.audit_database)
    sync_folder(layout.state)


def finish_opening(layout: Layout, opening: Opening, clock: Clock) -> TrustDocument:
    """Publish the log that has begun: the trust document, what is remembered, the key; then let everybody record.

    The full-text index goes, as it is of the former log.
    """
    document, _ = issue_document(layout, load_settings(layout.settings), clock(), begins=opening.key)
    with LogReader(layout.audit_database) as log:
        Remembered(layout.remembered).add(log.newest_checkpoint(), opening.key.name)
    drop_index(layout.search_database)  # of the former log
    take_next_key(layout.keys, keep=None if opening.forget else old_key(layout, opening.former_key).stem)
    layout.restored.unlink(missing_ok=True)
    sync_folder(layout.state)
    layout.opening.unlink()
    sync_folder(layout.state)
    return document


def kept_log(layout: Layout, origin: str) -> Path:
    """Return where the database of a former log is kept."""
    return layout.former_log(number_of(origin) or 0)


def old_key(layout: Layout, former: NoteKey) -> Path:
    """Return where the private key of a former log is kept."""
    return layout.keys / f"log-{number_of(former.name)}.pem"


def size_of(path: Path) -> int:
    """Return how many entries a log has; 0 if nothing of it could be restored."""
    try:
        with LogReader(path) as log:
            return read_checkpoint(log.newest_checkpoint()).size
    except (LadingError, OSError):
        return 0


def _private(layout: Layout, opening: Opening) -> Ed25519PrivateKey:
    names = [name for name in (NEXT, "log") if (layout.keys / f"{name}.pem").exists()]
    for key in (signing_key(layout.keys, name) for name in names):
        if NoteSigner(opening.key.name, key).key == opening.key:
            return key
    raise WorkspaceError(
        f"the key of {opening.key.name} is not in {layout.keys}",
        remedy=f"Put {NEXT}.pem back as it was when the opening began.",
    )


def _settle(path: Path) -> None:
    """Move what a write-ahead log holds into its database, so that the one file is all there is."""
    if path.exists():
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
