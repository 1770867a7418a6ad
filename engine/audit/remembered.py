r"""Checkpoints that were seen, kept outside the databases they are about: the memory against a rolled-back copy.

One file holds the checkpoints of this organization's log and of its partners', a line of canonical JSON each:

    {"note":"acme.example/lading/audit/0\\n3\\n…","origin":"acme.example/lading/audit/0","size":3}

INVARIANTS
- Lines are only ever added, and a line that was added is durable before `add` returns.
- What a crash left of a line that was not finished is no line.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import NOTE_LIMIT
from engine.digest import canonical, parse_canonical
from engine.errors import InputError, LogTampered
from engine.files import sync_folder

_LINE_LIMIT: Final = 2 * NOTE_LIMIT


class Remembered:
    """The checkpoints in a file. Threads and processes may share it.

    Args:
        path: the file; made by the first `add`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read = 0
        self._notes: dict[str, list[tuple[int, bytes]]] = {}

    def add(self, note: bytes, origin: str) -> None:
        """Remember a checkpoint; one that is remembered already is not written again.

        Args:
            note: the signed checkpoint, whose signature the caller verified.
            origin: the log it must be of.

        Raises:
            InputError: the note is no checkpoint of that log.
            LogTampered: the file holds something else than checkpoints.
            OSError: the file cannot be written.
        """
        checkpoint = read_checkpoint(note)
        if checkpoint.origin != origin:
            raise InputError(
                f"the checkpoint is of {checkpoint.origin!a}, expected one of {origin}",
                remedy="Ask the other side for a checkpoint of its own log.",
            )
        line = canonical({"note": note.decode("utf-8"), "origin": origin, "size": checkpoint.size}) + b"\n"
        with self._lock, self._exclusive() as descriptor:
            self._catch_up()
            if (checkpoint.size, note) in self._notes.get(origin, ()):
                return
            os.ftruncate(descriptor, self._read)
            os.lseek(descriptor, 0, os.SEEK_END)
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(line)
            os.fsync(descriptor)
            self._catch_up()

    def newest(self, origin: str) -> bytes | None:
        """Return the checkpoint of the largest size of a log, the last seen if there are several; None if none.

        Raises:
            LogTampered: the file holds something else than checkpoints.
        """
        notes = self.all(origin)
        return notes[-1] if notes else None

    def all(self, origin: str) -> tuple[bytes, ...]:
        """Return every checkpoint of a log that is remembered, smallest first.

        Raises:
            LogTampered: the file holds something else than checkpoints.
        """
        with self._lock:
            self._catch_up()
            return tuple(note for _, note in sorted(self._notes.get(origin, ()), key=lambda seen: seen[0]))

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        """Keep other processes out of the file while it is added to."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if fresh:
                sync_folder(self._path.parent)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _catch_up(self) -> None:
        """Read the whole lines that were added since the last time."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._read:
                    raise self._damaged()
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            if self._read:
                raise self._damaged() from None
            return
        for line in data.split(b"\n")[:-1]:
            origin, size, note = self._parse(line)
            self._notes.setdefault(origin, []).append((size, note))
            self._read += len(line) + 1

    def _parse(self, line: bytes) -> tuple[str, int, bytes]:
        try:
            value = parse_canonical(line, what="a remembered checkpoint", limit=_LINE_LIMIT)
            note = str(value["note"]).encode("utf-8") if isinstance(value, dict) else b""
            checkpoint = read_checkpoint(note)
        except (InputError, KeyError, UnicodeEncodeError) as error:
            raise self._damaged() from error
        if value != {"note": note.decode(), "origin": checkpoint.origin, "size": checkpoint.size}:
            raise self._damaged()
        return checkpoint.origin, checkpoint.size, note

    def _damaged(self) -> LogTampered:
        return LogTampered(
            f"the remembered checkpoints in {self._path} are damaged after byte {self._read}",
            remedy="Restore the file from a backup; do not delete it, it is what finds a rolled-back log.",
        )
