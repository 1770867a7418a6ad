"""Going on in the next log: after a restore, and verifying that each log goes on from where the former one ended."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine.audit.checkpoint import SignedCheckpoint, read_checkpoint
from engine.audit.continuation import check_continuation, check_end, last_cosigned
from engine.audit.erasure import Erasure
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.removal import erased_later
from engine.audit.verify import verify
from engine.digest import JSON
from engine.errors import LadingError, LogTampered, UsageError
from engine.events import Clock, Event, system_clock
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.origins.opening import (
    Opening,
    begin_log,
    begin_opening,
    finish_opening,
    has_begun,
    kept_log,
    read_opening,
    size_of,
)
from engine.workspace.owner import owning
from engine.workspace.witness.witnessing import known_witnesses


def continue_log(
    home: Path,
    *,
    actor: str,
    reason: str,
    new_key: bool = False,
    events: Sequence[Event] = (),
    clock: Clock = system_clock,
) -> dict[str, JSON]:
    """Begin the log of the next origin, and issue the trust document that lists it first.

    The restored database is kept as `state/audit-<n>.db`. After a crash, calling it again finishes what was begun.
    Partners take the new log once they have confirmed the new trust document.

    Args:
        home: the workspace; nobody may own it.
        actor: the identity that restored the backup.
        reason: theirs.
        new_key: whether the new log gets a key of its own; the former one is then kept as `keys/log-<n>.pem`.
        events: what the new log records right after its first entry.
        clock: the time.

    Raises:
        OwnerBusy: a gateway or a command owns the workspace.
        UsageError: nothing was ever remembered of the log: it needs no new origin; or `keys/` are not its keys.
        BadSignature: a remembered checkpoint was not signed by the log.
    """
    layout = Layout(home)
    with owning(layout.lock):
        opening = read_opening(layout, "restored")
        former = opening.former_key if opening else NoteKey.parse(TrustFolder(layout.trust).own().log_keys[0])
        last = _witnessed_last(layout, former)
        opening = opening or begin_opening(
            layout, former, "restored", actor=actor, reason=reason, new_key=new_key, events=events
        )
        if not has_begun(layout, opening):
            begin_log(layout, opening, last, clock, restored=size_of(layout.audit_database))
        document = finish_opening(layout, opening, clock)
    return {**told(layout, opening), "size": read_checkpoint(last).size, "version": document.version}


def told(layout: Layout, opening: Opening) -> dict[str, JSON]:
    """Return what an opening did, for whoever asked for it."""
    return {
        "origin": opening.key.name,
        "key": opening.following,
        "former": opening.former_key.name,
        "kept": str(kept_log(layout, opening.former_key.name)),
    }


def verify_continuations(
    home: Path, progress: Callable[[dict[str, Any]], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Verify every former log that is kept, and that the next one goes on from where it was witnessed or ended.

    Returns:
        One item per former log, newest first: its `origin`, the `size` that was gone on from, whether it was `rotated`,
        who cosigned that checkpoint, its `kept` database or None if that is gone, and the `problems` found in it.

    Raises:
        BadSignature, LogTampered: a log does not go on from where the former one was.
    """
    layout = Layout(home)
    trust = TrustFolder(layout.trust)
    witnesses = [witness.key for witness in known_witnesses(trust)]
    logs = [NoteKey.parse(vkey) for vkey in trust.own().log_keys]
    found = []
    with ExitStack() as opened:
        later: list[LogReader] = []
        for current, former in itertools.pairwise(logs):
            path = layout.audit_database if current == logs[0] else kept_log(layout, current.name)
            if not path.exists():
                break  # whoever deletes a former log deletes what says how it began
            later.append(opened.enter_context(LogReader(path)))
            found.append(_verify_former(layout, former, current, later, witnesses, progress))
    return found


def _verify_former(
    layout: Layout,
    former: NoteKey,
    current: NoteKey,
    later: Sequence[LogReader],
    witnesses: Sequence[NoteKey],
    progress: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Verify a former log, as far as it is kept, and that `current`, the last one in `later`, goes on from it."""
    first = later[-1].entry(0)
    notes = Remembered(layout.remembered).all(former.name)
    signed = check_continuation(current.name, first, [former, *witnesses], notes)
    rotated = "restored" not in (first.payload or {})
    kept = kept_log(layout, former.name)
    problems: list[dict[str, str]] = []
    if kept.exists():
        held = size_of(kept)
        known = notes if rotated else [note for note in notes if read_checkpoint(note).size <= held]
        problems = _problems(kept, former, known, witnesses, erased_later(former.name, later), progress)
        if rotated and not problems:
            problems = _end_problems(kept, signed, current)
    return {
        "origin": former.name,
        "size": signed.checkpoint.size,
        "rotated": rotated,
        "cosigned_by": sorted({one.key.name for one in signed.cosigned}),
        "kept": str(kept) if kept.exists() else None,
        "problems": problems,
    }


def _problems(
    kept: Path,
    key: NoteKey,
    remembered: Sequence[bytes],
    witnesses: Sequence[NoteKey],
    erased: Sequence[Erasure],
    progress: Callable[[dict[str, Any]], None],
) -> list[dict[str, str]]:
    """Verify the database of a former log."""
    report = verify(
        kept,
        key=key,
        remembered=remembered,
        witnesses=witnesses,
        erased=erased,
        progress=lambda done, total: progress({"step": f"verifying {key.name}", "done": done, "total": total}),
    )
    return [{"kind": each.kind, "where": each.where, "message": each.message} for each in report.problems]


def _end_problems(kept: Path, signed: SignedCheckpoint, following: NoteKey) -> list[dict[str, str]]:
    """Say what keeps a log from having ended where the next one says."""
    named = signed.checkpoint
    try:
        with LogReader(kept) as log:
            if read_checkpoint(log.newest_checkpoint()) != named:
                raise LogTampered(
                    f"it has {log.size} entries, the next log names its end at {named.size}",
                    remedy="Keep both databases: nothing may follow the end of a log.",
                )
            check_end(log.entry(named.size - 1), following)
    except LadingError as error:
        return [{"kind": "entry", "where": f"entry {named.size - 1}", "message": str(error)}]
    return []


def _witnessed_last(layout: Layout, former: NoteKey) -> bytes:
    keys = [former, *(witness.key for witness in known_witnesses(TrustFolder(layout.trust)))]
    last = last_cosigned(Remembered(layout.remembered).all(former.name), keys)
    if last is None:
        raise UsageError(
            f"nothing is remembered of {former.name} outside its database",
            remedy="Restore state/remembered.jsonl as well: it says up to where the log was witnessed.",
        )
    return last
