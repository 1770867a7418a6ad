"""Reading and verifying the audit log of a workspace, with no need of its owner."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.audit.checkpoint import read_checkpoint
from engine.audit.continuation import number_of
from engine.audit.milestone import Milestone, read_milestone, set_milestone
from engine.audit.note import NoteKey
from engine.audit.proof import format_proof
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.verify import Verification, verify
from engine.digest import JSON
from engine.errors import InputError, LadingError, UsageError
from engine.events import Clock, system_clock
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.log.problems import explain_problems
from engine.workspace.settings import load_settings


def verify_log(
    home: Path, progress: Callable[[dict[str, Any]], None], *, incremental: bool = False, clock: Clock = system_clock
) -> dict[str, JSON]:
    """Verify the log against the pinned key and the checkpoints remembered outside its database.

    Args:
        home: the workspace.
        progress: told of entries done and entries in all.
        incremental: read only what is newer than the last verification in full, if there was one.
        clock: when a verification in full ended, for the next incremental one.

    Raises:
        LogTampered: what is remembered outside the database is damaged.
        InputError, WorkspaceError: there is no workspace, or no log.
    """
    layout = log_layout(home)
    key = pinned_key(layout)
    remembered = Remembered(layout.remembered).all(key.name)
    witnesses = cosigners(layout)
    milestone = read_milestone(layout.milestone, key.name) if incremental else None
    report = verify(
        layout.audit_database,
        key=key,
        remembered=remembered,
        witnesses=witnesses,
        since=milestone.note if milestone else None,
        progress=lambda done, total: progress({"step": "verifying", "done": done, "total": total}),
    )
    if milestone is None and report.ok and report.note is not None:
        with suppress(OSError):  # the next verification will be in full again
            set_milestone(layout.milestone, report.note, clock)
    explained = explain_problems(
        layout.audit_database, report.problems, key=key, remembered=remembered, witnesses=witnesses
    )
    told = describe(report, key.name, len(remembered), witnessed(layout))
    return told | explained | {"since": _since(milestone, report)}


def pinned_key(layout: Layout) -> NoteKey:
    """Return the log key this organization published in its own trust document."""
    return NoteKey.parse(TrustFolder(layout.trust).own().log_keys[0])


def log_named(layout: Layout, name: str | None) -> tuple[Path, NoteKey]:
    """Return the database and the pinned key of one of this organization's logs.

    Args:
        layout: the workspace.
        name: the log's origin, or the number at the end of it; None for the log that is written now.

    Raises:
        UsageError: the own trust document lists no such log.
        InputError: the database is not here.
    """
    current, *former = (NoteKey.parse(vkey) for vkey in TrustFolder(layout.trust).own().log_keys)
    if name is None or name in {current.name, str(number_of(current.name))}:
        return layout.audit_database, current
    found = next((key for key in former if name in {key.name, str(number_of(key.name))}), None)
    if found is None:
        known = ", ".join(key.name for key in (current, *former))
        raise UsageError(f"no log of this organization is called {name!a}", remedy=f"Name one of {known}.")
    path = layout.former_log(number_of(found.name) or 0)
    if not path.exists():
        raise InputError(f"{path} is missing: the log {found.name} is not here", remedy="Restore it from a backup.")
    return path, found


def origins(home: Path) -> list[str]:
    """Return the origins of this organization's logs, the one that is written now first."""
    return [NoteKey.parse(vkey).name for vkey in TrustFolder(Layout(home).trust).own().log_keys]


def verifier_keys(home: Path) -> dict[str, str]:
    """Return the verifier keys of log and witness (C2SP signed-note vkey)."""
    own = TrustFolder(log_layout(home).trust).own()
    return {"log": own.log_keys[0], "witness": own.witness_keys[0]}


def newest_checkpoint(home: Path, origin: str | None = None) -> str:
    """Return the newest checkpoint of a log (`log_named`) with its cosignatures, as text."""
    with LogReader(log_named(log_layout(home), origin)[0]) as log:
        return log.newest_checkpoint().decode()


def prove_entry(home: Path, index: int, origin: str | None = None) -> dict[str, JSON]:
    """Return the leaf of an entry of a log (`log_named`), and its proof by its newest checkpoint (C2SP tlog-proof)."""
    with LogReader(log_named(log_layout(home), origin)[0]) as log:
        entry = log.entry(index)
        note = log.newest_checkpoint()
        path = log.prove(index, read_checkpoint(note).size)
    return {"index": index, "leaf": entry.leaf.decode(), "proof": format_proof(index, path, note)}


def show_entry(home: Path, index: int, origin: str | None = None) -> dict[str, JSON]:
    """Return one entry of a log (`log_named`) whole: what its leaf says, and its payload."""
    with LogReader(log_named(log_layout(home), origin)[0]) as log:
        entry = log.entry(index)
    payload = dict(entry.payload) if entry.payload is not None else None
    return {"index": entry.index, "public": dict(entry.public), "payload": payload}


def log_layout(home: Path) -> Layout:
    """Return the layout of a workspace that has its log.

    Raises:
        InputError: the log is missing.
        WorkspaceError: it is no workspace.
    """
    layout = Layout(home)
    load_settings(layout.settings)
    if not layout.audit_database.exists():
        raise InputError(
            f"{layout.audit_database} is missing: this workspace has lost its log",
            remedy="Restore it from a backup; an empty log would contradict what partners remember.",
        )
    return layout


def cosigners(layout: Layout) -> list[NoteKey]:
    """Return the keys of every witness whose cosignatures the log may hold: partners, and those pinned ever."""
    trust = TrustFolder(layout.trust)
    partners = [vkey for org in trust.partners() for vkey in trust.partner(org).witness_keys]
    pinned = [pin.vkey for pin in (*trust.pins(), *trust.former_pins())]
    return [NoteKey.parse(vkey) for vkey in dict.fromkeys((*partners, *pinned))]


def witnessed(layout: Layout) -> dict[str, JSON]:
    """Return the size up to which each partner's witness cosigned this log."""
    try:
        with LogReader(layout.audit_database) as log:
            notes = {key.name: log.cosigned_checkpoint(key.name) for key in cosigners(layout)}
            return {name: read_checkpoint(note).size for name, note in notes.items() if note is not None}
    except LadingError:
        return {}  # a log that cannot be read is reported by verifying it


def _since(milestone: Milestone | None, report: Verification) -> dict[str, JSON] | None:
    """Return from where an incremental verification went on, and the first entry that it read."""
    if milestone is None:
        return None
    known = milestone.checkpoint
    return {"size": known.size, "root": known.root.hex(), "time": milestone.time, "first_read": report.start}


def describe(report: Verification, origin: str, remembered: int, cosigned: dict[str, JSON]) -> dict[str, JSON]:
    """Return what a verification found, for programs."""
    return {
        "ok": not report.problems,
        "origin": origin,
        "size": report.size,
        "root": report.root,
        "remembered": remembered,
        "witnessed": cosigned,
        "omitted": report.omitted,
        "problems": [{"kind": p.kind, "where": p.where, "message": p.message} for p in report.problems],
    }
