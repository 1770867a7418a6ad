"""Rotating the key of the log: the log ends whole, and the next one goes on under a new key.

The last entry of the old log names the new key, and the first entry of the new log names the checkpoint that covers
it; witnesses are asked to cosign that checkpoint first. `engine.workspace.origins.opening` has the order of the steps.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.continuation import ended
from engine.audit.holds import holds_of
from engine.audit.log import AuditLog
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.witness import ask_for_cosignature
from engine.digest import JSON
from engine.errors import LadingError, OwnerBusy, UsageError
from engine.events import Clock, system_clock
from engine.gateway.incoming import UNDER_WAY
from engine.signing.trust_folder import TrustFolder
from engine.transfer.outgoing import STOPPED
from engine.wire.witnessing import ask_witness
from engine.workspace.dialing import Dialing
from engine.workspace.keys import signing_key
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call
from engine.workspace.operations.keeping import check
from engine.workspace.origins.continuing import told
from engine.workspace.origins.opening import (
    Opening,
    begin_log,
    begin_opening,
    finish_opening,
    has_begun,
    kept_log,
    old_key,
    open_log,
    read_opening,
)
from engine.workspace.owner import owning
from engine.workspace.settings import load_settings
from engine.workspace.witness.witnessing import KnownWitness, known_witnesses

logger = logging.getLogger("lading.workspace")

Progress = Callable[[Any], None]

PATIENCE_SECONDS: Final = 5.0
_NAMED: Final = 5


def rotate_key(
    home: Path,
    *,
    who: str,
    reason: str,
    forget: bool = False,
    open_transfers: bool = False,
    clock: Clock = system_clock,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """End the log and go on in the next one, under a new key. After a crash, calling it again finishes it.

    Args:
        home: the workspace; its gateway must not run.
        who: a name of this organization, or an identity; it needs the right to govern.
        reason: why; it is logged for good.
        forget: whether the old private key goes, instead of being kept as `keys/log-<n>.pem`.
        open_transfers: whether to do it although transfers are under way, whose bills will then prove less.
        clock: the time.
        progress: takes progress reports.

    Returns:
        What was done, or who denied it: origins, keys, who cosigned the end of the old log and who did not, where it
        is kept, the version of the trust document that partners confirm, and the holds to place again.

    Raises:
        OwnerBusy: the gateway runs.
        UsageError: transfers are under way, or the workspace is being opened after a restore.
        LogTampered: the log does not verify.
    """
    layout = Layout(home)
    load_settings(layout.settings)
    try:
        with owning(layout.lock, patience_seconds=PATIENCE_SECONDS):
            opening = read_opening(layout, "rotated")
            if opening is None:
                with Office(layout, clock) as office:
                    call = Call(office.mint(who), {}, progress, threading.Event())
                    identity = office.caller(call.token).identity
                    done = _finished(office, identity, reason)
                    if done is not None:
                        return {**told(layout, done), **_report(layout, done), "version": office.trust.own().version}
                    denied = _permitted(office, call, identity, open_transfers=open_transfers)
                if denied is not None:
                    return denied
                key = NoteKey.parse(TrustFolder(layout.trust).own().log_keys[0])
                opening = begin_opening(
                    layout, key, "rotated", actor=identity, reason=reason, new_key=True, forget=forget
                )
            if not has_begun(layout, opening):
                last = _end(layout, opening, clock)
                begin_log(layout, opening, last, clock, restored=None)
            document = finish_opening(layout, opening, clock)
    except OwnerBusy as busy:
        raise OwnerBusy(str(busy), remedy="Stop the gateway, rotate the key, and start it again.") from None
    return {**told(layout, opening), **_report(layout, opening), "version": document.version}


def _permitted(office: Office, call: Call, identity: str, *, open_transfers: bool) -> dict[str, JSON] | None:
    """Ask policy, and make sure that the log may end here; return what a denial says.

    Raises:
        UsageError: transfers are under way.
        LogTampered: the log does not verify.
    """
    denied = office.denial(office.governance.action, identity)
    if denied is not None:
        return denied
    sent = [row.id for row in office.outgoing.all() if row.state not in STOPPED]
    open_ = sent + [row.id for row in office.incoming.all() if row.state in UNDER_WAY]
    if open_ and not open_transfers:
        more = f" and {len(open_) - _NAMED} more" if len(open_) > _NAMED else ""
        raise UsageError(
            f"transfers are under way: {', '.join(open_[:_NAMED])}{more}; their entries would stand in two logs, "
            "and a bill proves what stands in one",
            remedy="Finish them first. If the key must go now, add --open-transfers.",
        )
    check(office, call)
    return None


def _finished(office: Office, identity: str, reason: str) -> Opening | None:
    """Return the rotation that this very command finished before, if nothing was recorded since.

    Whoever was interrupted after the last step repeats the command, and does not mean another rotation.
    """
    first = office.log.entry(0) if office.log.size == 1 else None
    payload = (first.payload or {}) if first else {}
    if (payload.get("actor"), payload.get("reason"), "restored" in payload) != (identity, reason, False):
        return None
    following, former = office.trust.own().log_keys[:2]
    kept = old_key(office.layout, NoteKey.parse(former)).exists()
    return Opening("rotated", former, following, identity, reason, forget=not kept)


def _end(layout: Layout, opening: Opening, clock: Clock) -> bytes:
    """Record the last entry of the old log, have its checkpoint cosigned by whoever answers, and remember it.

    INVARIANT: nothing is recorded behind that entry, not even that it was cosigned.
    """
    former = opening.former_key
    with open_log(layout, former, signing_key(layout.keys, "log"), clock, layout.audit_database) as log:
        log.record(ended(former.name, opening.key, actor=opening.actor, reason=opening.reason))
        trust = TrustFolder(layout.trust)
        dialing = Dialing(layout, load_settings(layout.settings), trust, clock)
        for witness in known_witnesses(trust):
            try:
                _ask(log, witness, dialing)
            except LadingError as error:
                logger.warning("%s did not cosign the end of %s: %s", witness.name, former.name, error)
        note = log.checkpoint()
    Remembered(layout.remembered).add(note, former.name)
    return note


def _ask(log: AuditLog, witness: KnownWitness, dialing: Dialing) -> None:
    if witness.kind == "partner":
        ask = dialing.partner(witness.name).add_checkpoint
    elif witness.kind == "third party" and witness.url is not None:
        ask = partial(ask_witness, witness.url, witness.ca)
    else:
        return
    note = log.checkpoint()
    status, answer = ask_for_cosignature(ask, log.prove_consistency, note)
    if status == HTTPStatus.OK:
        log.add_cosignature(read_checkpoint(note).size, answer, witness.key)


def _report(layout: Layout, opening: Opening) -> dict[str, JSON]:
    """Return how the old log ended, as the first entry of the new one says it."""
    with LogReader(layout.audit_database) as log:
        note = str((log.entry(0).payload or {})["checkpoint"]).encode()
    known = [each for each in known_witnesses(TrustFolder(layout.trust)) if each.kind != "former"]
    signed = open_checkpoint(note, [opening.former_key, *(each.key for each in known)])
    cosigned = {one.key.public for one in signed.cosigned}
    with LogReader(kept_log(layout, opening.former_key.name)) as former:
        holds: list[JSON] = [hold.name for hold in holds_of(former)]
    third: list[JSON] = [each.name for each in known if each.kind == "third party"]
    return {
        "size": signed.checkpoint.size,
        "cosigned_by": [each.name for each in known if each.key.public in cosigned],
        "not_cosigned_by": [each.name for each in known if each.key.public not in cosigned],
        "third_parties": third,
        "old_key": None if opening.forget else str(old_key(layout, opening.former_key)),
        "holds": holds,
    }
