"""Verifying a log: everything its database says is computed again from the leaves and the pinned key.

What is compared, in this order: the schema; origin and key; every stored checkpoint's signature; every leaf, its
columns and its payload; every tile; every root; the cosignatures; and the checkpoints that others, or this
organization outside the database, remember. The last are what finds a log that was rolled back or written anew by
somebody who has its key. Beside all this, on a thread of its own, SQLite checks its structure, with every index
against its table: that takes about as long, and a second core if there is one.

An incremental verification goes on from a checkpoint up to which the log was verified in full: it reads the entries
since then, and proves by the tiles that the tree over the older ones is the one that checkpoint signed. It reads no
older row, and leaves out SQLite's structure, which cannot be checked in part.

INVARIANT: whatever the file holds, the outcome is a `Verification`, never an exception.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.audit import schema
from engine.audit.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from engine.audit.erasure import Absences, Erasure
from engine.audit.note import NoteKey, open_note, split_note
from engine.audit.sweep import Claim, Progress, Sweep
from engine.audit.tiles import tile_width
from engine.audit.verification import Kind, Problems, Verification
from engine.errors import InputError, LadingError, LogTampered
from engine.text import agreeing, counted

__all__ = ["Verification", "examine", "literal_text", "verify"]

_ORPHANS: Final = (
    "SELECT idx FROM payload WHERE (idx < 0 OR idx >= ?) AND idx NOT IN (SELECT idx FROM event) ORDER BY idx"
)
_BEYOND: Final = "SELECT count(*), min(idx), max(idx) FROM event WHERE idx < 0 OR idx > ?"


def verify(
    path: Path,
    *,
    key: NoteKey,
    remembered: Iterable[bytes] = (),
    witnesses: Iterable[NoteKey] = (),
    pseudonym_key: bytes | None = None,
    since: bytes | None = None,
    erased: Iterable[Erasure] = (),
    progress: Progress | None = None,
) -> Verification:
    """Verify a log, also while its owner appends to it.

    Args:
        path: the log's database; it is not changed.
        key: the log's key, pinned outside the database; its name is the log's origin.
        remembered: checkpoints of this log that were seen before, as signed notes.
        witnesses: the pinned keys of every witness whose cosignatures the log may hold.
        pseudonym_key: if given, pseudonyms are compared with the names in the payloads, too.
        since: a signed checkpoint up to which this log was verified in full; older entries are not read again. One
            that the log did not sign, or that it no longer reaches, is a problem, and every entry is read.
        erased: what logs that follow this one say was erased from it (`engine.audit.removal.erased_later`).
        progress: called with entries done and entries in all.
    """
    examination = _Examination(key, tuple(witnesses), pseudonym_key, since, tuple(erased))
    try:
        with closing(schema.open_reader(path)) as db:
            db.execute("BEGIN")
            with literal_text(db):
                if examination.knows_schema(db):
                    _run(examination, path, db, (*remembered, *([since] if since else [])), progress)
    except sqlite3.Error as error:
        examination.problems.add(Kind.FILE, str(path), f"the database cannot be read: {error}")
    return examination.outcome()


def examine(
    db: sqlite3.Connection,
    *,
    key: NoteKey,
    remembered: Iterable[bytes] = (),
    witnesses: Iterable[NoteKey] = (),
    progress: Progress | None = None,
) -> Verification:
    """Verify a log in full within the caller's transaction, as `verify` does.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    examination = _Examination(key, tuple(witnesses), None, None, ())
    with literal_text(db):
        if examination.knows_schema(db):
            examination.run(db, tuple(remembered), progress)
            examination.structure = _structure(db)
    return examination.outcome()


def _run(
    examination: "_Examination",
    path: Path,
    db: sqlite3.Connection,
    remembered: Sequence[bytes],
    progress: Progress | None,
) -> None:
    """Examine a log, in full with its structure."""
    if not examination.in_full:
        examination.run(db, remembered, progress)
        return
    with _structure_beside(path) as structure:
        examination.run(db, remembered, progress)
        examination.structure = structure.result()


@contextmanager
def _structure_beside(path: Path) -> Iterator[Future[list[str]]]:
    """Check the structure on another thread during the block; an error in the block ends it."""
    with closing(schema.open_reader(path)) as db, ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(_structure, db)
        except BaseException:
            db.interrupt()
            raise


def _structure(db: sqlite3.Connection) -> list[str]:
    """Let SQLite compare its pages, types and uniqueness, and every index with its table; return what is wrong."""
    return [str(line) for (line,) in db.execute("PRAGMA integrity_check") if line != "ok"]


@contextmanager
def literal_text(db: sqlite3.Connection) -> Iterator[None]:
    """Read text as it is stored inside the block.

    INVARIANT: text that is not UTF-8 stays different from any text that is.
    """
    before = db.text_factory
    db.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        db.text_factory = before


class _Examination:
    """One run of `verify`."""

    def __init__(
        self,
        key: NoteKey,
        witnesses: tuple[NoteKey, ...],
        pseudonym_key: bytes | None,
        since: bytes | None,
        erased: tuple[Erasure, ...],
    ) -> None:
        self.problems = Problems()
        self.structure: Sequence[str] = ()
        self.in_full = since is None
        self._key = key
        self._witnesses = witnesses
        self._pseudonym_key = pseudonym_key
        self._since = since
        self._erased = erased
        self._start = 0
        self._stored: dict[int, Checkpoint] = {}
        self._notes: dict[int, bytes] = {}
        self._cosigned: dict[int, set[str]] = {}

    def run(self, db: sqlite3.Connection, remembered: Sequence[bytes], progress: Progress | None) -> None:
        self._check_meta(db)
        self._check_checkpoints(db)
        seen = self._open_remembered(remembered)
        newest = self._newest
        if newest is not None:
            claims = [*self._claims(), *self._remembered_claims(seen, newest.size)]
            self._sweep(db, newest, claims, progress)
        self._check_strays(db, newest.size if newest else 0)
        self._check_cosignatures(db)
        self._check_remembered_cosignatures(seen)

    def outcome(self) -> Verification:
        newest = self._newest
        problems = Problems()
        for line in self.structure:
            problems.add(Kind.STRUCTURE, "database", line)
        problems.extend(self.problems)
        return Verification(
            size=newest.size if newest else 0,
            checkpoint=newest,
            cosigned_by=tuple(sorted(self._cosigned.get(newest.size, ()))) if newest else (),
            problems=tuple(problems.found),
            omitted=problems.omitted,
            start=self._start,
            note=self._notes.get(newest.size) if newest else None,
        )

    def _sweep(
        self, db: sqlite3.Connection, newest: Checkpoint, claims: Sequence[Claim], progress: Progress | None
    ) -> None:
        sweep = Sweep(db, newest, claims, self.problems, self._pseudonym_key, since=self._trusted_size(newest, claims))
        self._start = sweep.start
        try:
            sweep.run(progress)
        except LogTampered as error:
            self.problems.add(Kind.TILE, f"the tiles before entry {sweep.start}", str(error))
            return
        sweep.absences.erasures += self._erased
        self._check_absences(db, sweep.absences)

    def _trusted_size(self, newest: Checkpoint, claims: Sequence[Claim]) -> int:
        """Return up to where the log need not be read again, if the sweep will compare the tree of that size."""
        if self._since is None:
            return 0
        try:
            known = open_checkpoint(self._since, [self._key]).checkpoint
        except LadingError:
            return 0
        claimed = any((claim.size, claim.root) == (known.size, known.root) for claim in claims)
        return known.size if claimed and known.size <= newest.size else 0

    @property
    def _newest(self) -> Checkpoint | None:
        return self._stored[max(self._stored)] if self._stored else None

    def knows_schema(self, db: sqlite3.Connection) -> bool:
        """Compare the schema with the one its version has; nothing else makes sense if it differs."""
        version = schema.version_of(db)
        if version not in schema.READABLE:
            self.problems.add(Kind.SCHEMA, "user_version", f"is {version}, this release reads {schema.readable()}")
            version = schema.SCHEMA_VERSION
        found, expected = schema.describe(db), schema.expected(version)
        for kind, name, _ in sorted(expected - found):
            self.problems.add(Kind.SCHEMA, f"{kind} {name}", "is missing or defined otherwise")
        for kind, name, _ in sorted(found - expected):
            self.problems.add(Kind.SCHEMA, f"{kind!a} {name!a}", "is not what lading defined")
        return not self.problems.found

    def _check_meta(self, db: sqlite3.Connection) -> None:
        expected: dict[Any, str] = {"origin": self._key.name, "key": self._key.vkey}
        for name, value in db.execute("SELECT name, value FROM meta"):
            pinned = expected.pop(name, None)
            if value != pinned:
                self.problems.add(Kind.META, f"meta {name!a}", f"is {value!a}, pinned is {pinned!a}")
        for name in expected:
            self.problems.add(Kind.META, f"meta {name}", "is missing")

    def _check_checkpoints(self, db: sqlite3.Connection) -> None:
        for size, note in db.execute("SELECT size, note FROM checkpoint"):
            try:
                checkpoint = self._open_stored(note)
            except LadingError as error:
                self.problems.add(Kind.CHECKPOINT, f"checkpoint {size}", str(error))
                continue
            if checkpoint.size == size:
                self._stored[size], self._notes[size] = checkpoint, note
            else:
                self.problems.add(Kind.CHECKPOINT, f"checkpoint {size}", f"is one of size {checkpoint.size}")
        if self._newest is None:
            self.problems.add(Kind.CHECKPOINT, "checkpoint", "none verifies, so no entry is proved")
            return
        expected = {size for (size,) in db.execute("SELECT size FROM cosignature")} | {self._newest.size}
        for size in sorted(self._stored.keys() - expected):
            self.problems.add(Kind.CHECKPOINT, f"checkpoint {size}", "is neither the newest nor cosigned")

    def _open_stored(self, note: object) -> Checkpoint:
        if not isinstance(note, bytes):
            raise _unfit(f"is a {type(note).__name__} instead of bytes")
        if len(split_note(note)[1]) != 1:
            raise _unfit("has more than the log's own signature")
        return open_checkpoint(note, [self._key]).checkpoint

    def _open_remembered(self, notes: Sequence[bytes]) -> list[SignedCheckpoint]:
        seen = []
        for number, note in enumerate(notes, 1):
            try:
                seen.append(open_checkpoint(note, [self._key, *self._witnesses]))
            except LadingError as error:
                self.problems.add(Kind.REMEMBERED, f"remembered checkpoint {number}", str(error))
        return seen

    def _claims(self) -> list[Claim]:
        return [
            Claim(size, checkpoint.root, Kind.CHECKPOINT, "the log's own checkpoint has another root")
            for size, checkpoint in self._stored.items()
        ]

    def _remembered_claims(self, seen: Sequence[SignedCheckpoint], newest: int) -> list[Claim]:
        """Report what the log no longer reaches back from; return what the sweep has to compare."""
        claims = []
        for checkpoint in (signed.checkpoint for signed in seen):
            size, stored = checkpoint.size, self._stored.get(checkpoint.size)
            if size > newest:
                message = f"a checkpoint of {counted(size, 'entries')} is remembered, the log has {newest}"
                self.problems.add(Kind.ROLLBACK, f"checkpoint {size}", message)
            elif stored is not None and stored.root != checkpoint.root:
                message = "the log signed two different checkpoints of this size"
                self.problems.add(Kind.FORK, f"checkpoint {size}", message)
            elif stored is None:
                message = "the remembered checkpoint has another root than the log"
                claims.append(Claim(size, checkpoint.root, Kind.FORK, message))
        return claims

    def _check_absences(self, db: sqlite3.Connection, absences: Absences) -> None:
        """Compare the payloads that are missing with those that the log says were erased, both ways."""
        for index in absences.unexplained():
            message = "its payload is missing, and no entry says that it was erased"
            self.problems.add(Kind.PAYLOAD, f"entry {index}", message)
        left: dict[str, set[int]] = {}
        for erasure in absences.erasures:
            span = (erasure.first, erasure.last)
            for (index,) in db.execute("SELECT idx FROM payload WHERE idx BETWEEN ? AND ?", span):
                left.setdefault(erasure.by, set()).add(index)
        for by, indices in left.items():  # told once, so that a large erasure hides nothing else
            more = f"; so are {len(indices) - 1} more" if len(indices) > 1 else ""
            message = f"its payload was erased by {by}, and is still there{more}"
            self.problems.add(Kind.ERASURE, f"entry {min(indices)}", message)

    def _check_strays(self, db: sqlite3.Connection, size: int) -> None:
        """Report rows that belong to no entry of the log."""
        count, first, last = db.execute(_BEYOND, (size - 1,)).fetchone()
        if count:
            beyond = f"{counted(count, 'rows')} {agreeing(count, 'lie')} beyond the newest checkpoint"
            message = f"{beyond}, which covers {counted(size, 'entries')}"
            self.problems.add(Kind.ENTRY, f"entries {first} to {last}", message)
        for (index,) in db.execute(_ORPHANS, (self._start,)):
            self.problems.add(Kind.PAYLOAD, f"entry {index}", "there is a payload, but no such entry")
        for level, number in db.execute("SELECT level, number FROM tile"):
            numbers = isinstance(level, int) and isinstance(number, int)
            if not numbers or tile_width(level, number, size) == 0:
                self.problems.add(Kind.TILE, f"tile {level!a}/{number!a}", "belongs to no log of this size")

    def _check_cosignatures(self, db: sqlite3.Connection) -> None:
        query = "SELECT size, name, line, note FROM cosignature LEFT JOIN checkpoint USING (size)"
        for size, name, line, note in db.execute(query):
            keys = [key for key in self._witnesses if key.name == name]
            try:
                _open_cosignature(note, line, keys)
            except LadingError as error:
                self.problems.add(Kind.COSIGNATURE, f"cosignature {size} by {name!a}", str(error))
            else:
                self._cosigned.setdefault(size, set()).add(name)

    def _check_remembered_cosignatures(self, seen: Sequence[SignedCheckpoint]) -> None:
        for remembered in seen:
            for signed in remembered.cosigned:
                size = remembered.checkpoint.size
                if signed.key.name not in self._cosigned.get(size, ()):
                    where = f"cosignature {size} by {signed.key.name}"
                    self.problems.add(Kind.COSIGNATURE, where, "is remembered, but the log holds it no more")


def _open_cosignature(note: object, line: object, keys: Sequence[NoteKey]) -> None:
    if not isinstance(note, bytes) or not isinstance(line, str):
        raise _unfit("stands beside no checkpoint, or is no text")
    if not keys:
        raise _unfit("is by a witness that is not pinned")
    if line.count("\n") != 1 or not line.endswith("\n"):
        raise _unfit("is not one line")
    open_note(note + line.encode("utf-8", "surrogateescape"), keys)


def _unfit(why: str) -> InputError:
    return InputError(why, remedy="Restore the log from a copy that verifies.")
