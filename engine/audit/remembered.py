r"""Checkpoints that were seen, kept outside the databases they are about: the memory against a rolled-back copy.

One file holds the checkpoints of this organization's log and of its partners', a line of canonical JSON each:

    {"note":"acme.example/lading/audit/0\\n3\\n…","origin":"acme.example/lading/audit/0","size":3}

What others send is kept by `keep`: of a checkpoint the signatures of known keys alone, and a further line only when
another known key signed it. So a log cannot fill the memory by showing one checkpoint again and again with lines that
mean nothing here; what grows it is what its key signs anew.

INVARIANTS
- A line that was added is durable before `add` or `keep` returns, and stays; only `thin` takes any away.
- What a crash left of a line that was not finished is no line.
- What `keep` kept of one log never contradicts itself.
- A file that is gone after it was read is not made again: a new one would have forgotten what the old one held.
"""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.fork import Fork, find_fork
from engine.audit.note import NOTE_LIMIT, NoteKey, compose_note, known_lines
from engine.digest import canonical, parse_canonical
from engine.errors import InputError, LogTampered
from engine.files import sync_folder, write_atomic

LARGEST_SIZE: Final = 2**53 - 1
"""The most entries a log can have to be remembered: the largest whole number that canonical JSON holds."""

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
        self._notes: dict[str, dict[int, list[bytes]]] = {}

    def add(self, note: bytes, origin: str) -> None:
        """Remember a checkpoint of this organization's own log as it is; the same bytes are not written again.

        Args:
            note: the signed checkpoint, whose signature the caller verified.
            origin: the log it must be of.

        Raises:
            InputError: the note is no checkpoint of that log, or of more than `LARGEST_SIZE` entries.
            LogTampered: the file holds something else than checkpoints.
            OSError: the file cannot be written.
        """
        checkpoint = _read(note)
        if checkpoint.origin != origin:
            raise InputError(
                f"the checkpoint is of {checkpoint.origin!a}, expected one of {origin}",
                remedy="Ask the other side for a checkpoint of its own log.",
            )
        with self._lock, self._exclusive() as descriptor:
            self._catch_up()
            if note not in self._seen(checkpoint):
                self._append(descriptor, note)

    def keep(self, note: bytes, keys: Sequence[NoteKey]) -> Fork | None:
        """Remember what known keys signed of a checkpoint that somebody else sent, unless it contradicts what is kept.

        Signatures that are remembered of it already stay, and count together with the new ones.

        Args:
            note: the signed checkpoint, whose log's signature the caller verified.
            keys: the keys of that log, and after them those of witnesses; the first ones have room before the last.

        Returns:
            None when it is remembered; else the contradiction, and nothing was remembered.

        Raises:
            InputError, LogTampered, OSError: as `add`.
        """
        checkpoint, lines = _read(note), known_lines(note, keys)
        text = checkpoint.text()
        with self._lock, self._exclusive() as descriptor:
            self._catch_up()
            seen = self._seen(checkpoint)
            fork = find_fork(seen[-1:], compose_note(text, lines.values()))
            if fork is None:
                before = known_lines(seen[-1], keys) if seen else {}
                together = lines | before
                whole = compose_note(text, (together[key] for key in dict.fromkeys(keys) if key in together))
                if lines.keys() - before.keys() and whole not in seen:
                    self._append(descriptor, whole)
            return fork

    def newest(self, origin: str) -> bytes | None:
        """Return the checkpoint of the largest size of a log, the last seen if there are several; None if none.

        Raises:
            LogTampered: the file holds something else than checkpoints.
        """
        with self._lock:
            self._catch_up()
            sizes = self._notes.get(origin, {})
            return sizes[max(sizes)][-1] if sizes else None

    def of_size(self, origin: str, size: int) -> bytes | None:
        """Return the checkpoint of a log that is remembered of one size, the last seen if there are several.

        Raises:
            LogTampered: the file holds something else than checkpoints.
        """
        with self._lock:
            self._catch_up()
            return next(reversed(self._notes.get(origin, {}).get(size, [])), None)

    def all(self, origin: str) -> tuple[bytes, ...]:
        """Return every checkpoint of a log that is remembered, smallest first.

        Raises:
            LogTampered: the file holds something else than checkpoints.
        """
        with self._lock:
            self._catch_up()
            sizes = self._notes.get(origin, {})
            return tuple(note for size in sorted(sizes) for note in sizes[size])

    def thin(self, origin: str, most: int) -> None:
        """Forget all but the `most` largest sizes of a log, once there are twice as many. The file is replaced whole.

        For a file that no other process adds to.

        Raises:
            OSError: the file cannot be written; nothing was forgotten.
        """
        with self._lock:
            sizes = self._notes.get(origin, {})
            if len(sizes) < 2 * most:
                return
            least = sorted(sizes)[-most]
            kept = self._notes | {origin: {size: notes for size, notes in sizes.items() if size >= least}}
            data = b"".join(_line(note) for by_size in kept.values() for notes in by_size.values() for note in notes)
            write_atomic(self._path, data, mode=0o600)
            self._notes, self._read = kept, len(data)

    def _seen(self, checkpoint: Checkpoint) -> list[bytes]:
        return self._notes.get(checkpoint.origin, {}).get(checkpoint.size, [])

    def _append(self, descriptor: int, note: bytes) -> None:
        """Add a line at the end of what could be read, and make it durable."""
        os.ftruncate(descriptor, self._read)
        os.lseek(descriptor, 0, os.SEEK_END)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(_line(note))
        os.fsync(descriptor)
        self._catch_up()

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        """Keep other processes out of the file while it is added to."""
        fresh = not self._path.exists()
        if fresh and self._read:
            raise self._damaged()
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
            self._notes.setdefault(origin, {}).setdefault(size, []).append(note)
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


def check_size(checkpoint: Checkpoint) -> None:
    """Check that a checkpoint can be remembered.

    Raises:
        InputError: it is of more than `LARGEST_SIZE` entries.
    """
    if checkpoint.size > LARGEST_SIZE:
        raise InputError(
            f"the checkpoint of {checkpoint.origin!a} is of {checkpoint.size} entries, expected at most {LARGEST_SIZE}",
            remedy='No log is that long: ask the other side to run "lading audit verify".',
        )


def _line(note: bytes) -> bytes:
    checkpoint = read_checkpoint(note)
    return canonical({"note": note.decode("utf-8"), "origin": checkpoint.origin, "size": checkpoint.size}) + b"\n"


def _read(note: bytes) -> Checkpoint:
    checkpoint = read_checkpoint(note)
    check_size(checkpoint)
    return checkpoint
