"""A backup: one file with everything of a workspace, as it was at one moment of its log; its keys only encrypted.

A tar archive (POSIX.1-2001): a member `workspace/<path>` per file, `keys.age` if the keys were asked for, and at the
end `backup.json`, canonical JSON that names each with size and SHA-256. `docs/formats/backup.md` has the format.

INVARIANTS
- The log is copied last, so that it has every entry that anything else in the archive rests on.
- Databases are copied as one moment of each, whatever is written meanwhile; what deleted rows left goes with it, so
  nobody makes a backup while an erasure is under way.
- The file appears under its name only when it is whole, was read again, and its log verified.
"""

import hashlib
import io
import os
import secrets
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from engine import __version__
from engine.audit.checkpoint import read_checkpoint
from engine.audit.reader import LogReader
from engine.digest import JSON, canonical, sha256
from engine.errors import StoreError, UsageError, WorkspaceError
from engine.events import timestamp
from engine.files import sync_folder
from engine.workspace.keeping.keyring import seal_keys
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings

FORMAT: Final = "lading/backup/v1"
MANIFEST: Final = "backup.json"
KEYS: Final = "keys.age"
PREFIX: Final = "workspace/"

_PASSING: Final = frozenset({"owner.lock", "erasing", "restored", "verified.json"})

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Held:
    """A file to be backed up: its name in the workspace, where its bytes are read, and how many there are."""

    name: str
    source: Path


class _Archive:
    """Writes members, and keeps what the manifest says of them."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._progress = progress
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `finish` closes it
        self.files: list[JSON] = []

    def add(self, held: Held) -> None:
        """Add a file as long as it is now; one that is gone is none."""
        try:
            source = os.fdopen(os.open(held.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except FileNotFoundError:
            return
        with source:
            size = os.fstat(source.fileno()).st_size
            hashed = _Hashing(source)
            self._tar.addfile(_member(PREFIX + held.name, size), hashed)
        self.files.append({"path": held.name, "size": size, "sha256": hashed.hexdigest()})
        self._progress({"step": "copying", "done": 0, "total": 0, "detail": held.name})

    def add_keys(self, folder: Path, recipients: Sequence[str]) -> JSON:
        """Add the keys, encrypted to recipients; return what the manifest says of them."""
        body = seal_keys(folder, recipients)
        self._tar.addfile(_member(KEYS, len(body)), io.BytesIO(body))
        return {"recipients": list(recipients), "size": len(body), "sha256": sha256(body)}

    def finish(self, manifest: dict[str, JSON]) -> None:
        """Add the manifest, and end the archive."""
        files = sorted(self.files, key=lambda each: str(each["path"]))  # type: ignore[index,call-overload]
        body = canonical({**manifest, "files": files})
        self._tar.addfile(_member(MANIFEST, len(body)), io.BytesIO(body))
        self._tar.close()


class _Hashing(io.RawIOBase):
    """A file whose digest is known when it was read."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._hash.update(piece)
        return piece

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def create_backup(
    layout: Layout,
    output: Path,
    *,
    store: bool,
    recipients: Sequence[str] = (),
    now: datetime,
    check: Callable[[Path], object],
    progress: Progress,
) -> dict[str, JSON]:
    """Write a backup of a workspace to a new file, while its owner goes on.

    Args:
        layout: the workspace.
        output: the file, absolute.
        store: whether received artifacts go into it, sealed as they are.
        recipients: age recipients that the keys are encrypted to, each once; without any, the keys stay out.
        now: what to date it.
        check: called with the finished file before it gets its name; raises if it would not do.
        progress: told of each file that was copied.

    Raises:
        UsageError: the file exists.
        StoreError: it cannot be written.
        LadingError: a database cannot be read, or the backup does not verify.
    """
    if output.exists() or output.is_symlink():
        raise UsageError(f"{output} exists", remedy="Name a new file; a backup is never overwritten.")
    scratch = output.parent / f".{output.name}.{secrets.token_hex(6)}.tmp"
    try:
        scratch.mkdir(mode=0o700)
        written = scratch / "archive"
        report = _write(layout, written, scratch, store=store, recipients=recipients, now=now, progress=progress)
        check(written)
        os.link(written, output)  # never over a file that came meanwhile
        sync_folder(output.parent)
    except FileExistsError:
        raise UsageError(f"{output} exists", remedy="Name a new file; a backup is never overwritten.") from None
    except OSError as error:
        raise StoreError(
            f"{output} cannot be written: {error.strerror}", remedy="Look at the disk and its permissions."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return report


def _write(
    layout: Layout,
    written: Path,
    scratch: Path,
    *,
    store: bool,
    recipients: Sequence[str],
    now: datetime,
    progress: Progress,
) -> dict[str, JSON]:
    plain = list(_plain_files(layout))
    sealed = [held for held in plain if held.source.is_relative_to(layout.store)]
    wanted = [held for held in plain if store or held not in sealed]
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        archive = _Archive(file, progress)
        for held in wanted:
            archive.add(held)
        for path in sorted(layout.state.glob("*.db"), key=lambda path: (path == layout.audit_database, path)):
            if path != layout.search_database:
                archive.add(Held(f"state/{path.name}", _copied(path, scratch / path.name)))
        manifest = _manifest(layout, scratch / layout.audit_database.name, now)
        if recipients:
            manifest["keys"] = archive.add_keys(layout.keys, recipients)
        archive.finish(manifest | {"store": {"files": len(sealed), "included": store}})
        file.flush()
        os.fsync(file.fileno())
    return manifest | {"files": len(archive.files), "store": store, "size": written.stat().st_size}


def _manifest(layout: Layout, log: Path, now: datetime) -> dict[str, JSON]:
    with LogReader(log) as reader:
        checkpoint = read_checkpoint(reader.newest_checkpoint())
    return {
        "format": FORMAT,
        "lading": __version__,
        "organization": load_settings(layout.settings).organization.id,
        "created": timestamp(now),
        "log": {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
    }


def _plain_files(layout: Layout) -> Iterator[Held]:
    """Yield every regular file but keys, databases and what only a running owner needs."""
    for path in sorted(layout.home.rglob("*")):
        name = path.relative_to(layout.home)
        passing = path.parent == layout.state and (".db" in path.name or path.name in _PASSING)
        unfinished = any(part.startswith(".") and part.endswith((".tmp", ".export")) for part in name.parts)
        kept_out = path.is_relative_to(layout.keys) or path.is_relative_to(layout.tls)
        if path.is_file() and not path.is_symlink() and not (passing or unfinished or kept_out):
            yield Held(name.as_posix(), path)


def _copied(path: Path, target: Path) -> Path:
    """Copy one moment of a database that may be written meanwhile, as a single file."""
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"{path} cannot be copied: {error}", remedy="Run 'lading doctor'; no backup was written."
        ) from error
    return target


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member
