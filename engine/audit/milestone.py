"""The milestone: up to where this machine verified a log in full, kept outside the log's database.

One file of canonical JSON, `{"checkpoint":<signed checkpoint>,"time":<RFC 3339>}`. The checkpoint brings its own
proof, the log's signature; who can write the file can do no more than name another checkpoint that the log signed,
and an incremental verification compares the whole tree with that one.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.note import NOTE_LIMIT
from engine.digest import canonical, parse_canonical
from engine.errors import InputError, LadingError, LogTampered
from engine.events import Clock, timestamp
from engine.files import write_atomic

_LIMIT: Final = 2 * NOTE_LIMIT


@dataclass(frozen=True, slots=True)
class Milestone:
    """The newest checkpoint up to which a log was verified in full.

    Attributes:
        note: the signed checkpoint.
        time: when the verification ended, RFC 3339 in UTC with milliseconds.
    """

    note: bytes
    time: str

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; its signature is for a verification to check."""
        return read_checkpoint(self.note)


def read_milestone(path: Path, origin: str) -> Milestone | None:
    """Return the milestone of a log, or None if none was set, or that of a former log.

    Raises:
        LogTampered: the file holds something else.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return None
    try:
        value = parse_canonical(data, what=str(path), limit=_LIMIT)
        if not isinstance(value, dict) or value.keys() != {"checkpoint", "time"}:
            raise _damaged(path, "it does not have the fields checkpoint and time")
        note, time = str(value["checkpoint"]), str(value["time"])
        if timestamp(datetime.fromisoformat(time)) != time:
            raise _damaged(path, f"its time is {time!a}")
        milestone = Milestone(note.encode("utf-8"), time)
        known = milestone.checkpoint.origin
    except (InputError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    return milestone if known == origin else None


def set_milestone(path: Path, note: bytes, clock: Clock) -> None:
    """Keep the checkpoint up to which a log was verified in full just now.

    Raises:
        OSError: the file cannot be written; what it held stays.
    """
    write_atomic(path, canonical({"checkpoint": note.decode("utf-8"), "time": timestamp(clock())}), mode=0o600)


def _damaged(path: Path, why: str) -> LadingError:
    return LogTampered(
        f"{path} is damaged: {why}",
        remedy="Run 'lading audit verify', which reads the whole log and writes the file anew.",
    )
