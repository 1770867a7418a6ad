"""Continuing a log under the next origin (docs/formats/audit.md, "Continuation").

A log that was restored from a backup is shorter than what others remember of it. Going on under the same origin would
give it two histories, so a log of the next origin begins, and its first entry names the last checkpoint of the former
one that a witness cosigned: what stands between the restored end and that checkpoint is lost, and everybody can see
how much.

A log whose key is rotated ends whole: its last entry names the next origin and its key, and the first entry of the
next log names the checkpoint that covers it.

INVARIANT: the checkpoint that is named is never behind one that a witness cosigned and that is remembered.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from engine.audit.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint, read_checkpoint
from engine.audit.entry import Entry
from engine.audit.note import NoteKey
from engine.errors import InputError, LogTampered
from engine.events import Event, event_id

CONTINUED: Final = "log.continued"
ENDED: Final = "log.ended"

_ORIGIN: Final = re.compile(r"(?P<log>.+/lading/audit)/(?P<number>0|[1-9][0-9]{0,8})")


def next_origin(origin: str) -> str:
    """Return the origin that comes after one: the number at its end, plus one.

    Raises:
        InputError: it is not the origin of a lading log.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        raise InputError(
            f"{origin!a} is no origin of a lading log", remedy="Expected <organization>/lading/audit/<number>."
        )
    return f"{match['log']}/{int(match['number']) + 1}"


def number_of(origin: str) -> int | None:
    """Return the number at the end of a log's origin; None if it is not the origin of a lading log."""
    match = _ORIGIN.fullmatch(origin)
    return None if match is None else int(match["number"])


def last_cosigned(notes: Iterable[bytes], keys: Sequence[NoteKey]) -> bytes | None:
    """Return the largest checkpoint among `notes` that a known witness cosigned; without one, the largest at all.

    Args:
        notes: signed checkpoints of one log.
        keys: the log's key, and those of the witnesses.

    Raises:
        BadSignature: the log did not sign one of them.
    """
    opened = [(open_checkpoint(note, keys), note) for note in notes]
    cosigned = [(signed, note) for signed, note in opened if signed.cosigned] or opened
    return max(cosigned, key=lambda each: each[0].checkpoint.size, default=(None, None))[1]


def ended(origin: str, following: NoteKey, *, actor: str, reason: str) -> Event:
    """Return the last event of a log whose key is rotated.

    Args:
        origin: of the log that ends.
        following: the key of the next log, with its origin as name.
        actor: who rotates it.
        reason: theirs.
    """
    return Event(
        id=event_id(origin, ENDED),
        type=ENDED,
        actor=actor,
        payload={"origin": following.name, "key": following.vkey, "reason": reason},
    )


def continued(last: bytes, *, actor: str, reason: str, restored: int | None) -> Event:
    """Return the first event of the log that continues another.

    Args:
        last: the former log's checkpoint that it goes on from.
        actor: who restored the backup, or rotated the key.
        reason: theirs.
        restored: how many entries of the former log the backup held; None if it ended whole.
    """
    former = read_checkpoint(last)
    return Event(
        id=event_id(former.origin, CONTINUED),
        type=CONTINUED,
        actor=actor,
        payload={
            "origin": former.origin,
            "size": former.size,
            "root": former.root.hex(),
            "checkpoint": last.decode(),
            "reason": reason,
            **({} if restored is None else {"restored": restored}),
        },
    )


def check_continuation(
    origin: str, first: Entry, keys: Sequence[NoteKey], remembered: Iterable[bytes]
) -> SignedCheckpoint:
    """Verify that a log properly continues the former one.

    Args:
        origin: of the log that continues.
        first: its entry 0, proved by whoever asks.
        keys: the pinned keys of the former log and of the witnesses.
        remembered: the former log's checkpoints that are remembered outside its database.

    Returns:
        The former log's checkpoint it goes on from.

    Raises:
        BadSignature: the former log did not sign the checkpoint.
        LogTampered: it continues nothing, another log, or from before a checkpoint that a witness cosigned.
    """
    if first.type != CONTINUED or first.payload is None:
        raise _broken(origin, f"begins with {first.type}, expected {CONTINUED} with its payload")
    payload = first.payload
    signed = open_checkpoint(str(payload.get("checkpoint", "")).encode("utf-8", "replace"), keys)
    named = signed.checkpoint
    if next_origin(named.origin) != origin:
        raise _broken(origin, f"goes on from {named.origin!a}, which is not the origin before it")
    if Checkpoint(str(payload.get("origin")), _number(payload.get("size")), _root(payload.get("root"))) != named:
        raise _broken(origin, "names another checkpoint than it shows")
    last = last_cosigned(remembered, keys)
    if last is not None:
        newest = open_checkpoint(last, keys)
        if newest.cosigned and newest.checkpoint.size > named.size:
            raise _broken(origin, f"goes on from {named.size} entries, but {newest.checkpoint.size} were cosigned")
        if newest.checkpoint.size == named.size and newest.checkpoint.root != named.root:
            raise _broken(origin, f"names another root for {named.size} entries than is remembered")
    return signed


def check_end(last: Entry, following: NoteKey) -> None:
    """Verify that a log which ended whole says itself which log comes next, and under which key.

    Args:
        last: the last entry under the checkpoint that the next log goes on from, proved by whoever asks.
        following: the pinned key of the next log.

    Raises:
        LogTampered: it says something else.
    """
    payload = last.payload or {}
    if last.type != ENDED or (payload.get("origin"), payload.get("key")) != (following.name, following.vkey):
        raise _broken(following.name, f"goes on from entry {last.index}, a {last.type} that does not name it")


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _root(value: object) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        return b""


def _broken(origin: str, why: str) -> LogTampered:
    return LogTampered(
        f"the log {origin} does not continue the former one: it {why}",
        remedy="Keep both databases, and compare them with what partners and witnesses remember.",
    )
