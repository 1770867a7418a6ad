"""The directory as it is now: read again when the file changed, and every change in the log before it counts."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from engine.digest import JSON, sha256
from engine.errors import InputError
from engine.events import Event, event_id
from engine.policy.directory import Directory, changes, load_directory

if TYPE_CHECKING:
    from engine.workspace.governing.governance import Governance
    from engine.workspace.office import Office


class People:
    """Says who is who. Threads may share it.

    INVARIANT: a directory that is not the one of the last decision is in the log before anybody is judged by it.

    Args:
        office: whose people they are.
        governance: keeps the newest directory.
    """

    def __init__(self, office: "Office", governance: "Governance") -> None:
        self._office = office
        self._store = governance.store
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._directory: Directory | None = None

    def now(self) -> Directory:
        """Return the directory as `directory.yaml` has it now.

        Raises:
            InputError: it cannot be read.
        """
        path = self._office.layout.directory
        with self._lock:
            seen = _identity(path)
            if self._directory is None or seen != self._seen:
                self._directory, self._seen = self._read(path), seen
            return self._directory

    def _read(self, path: Path) -> Directory:
        found = load_directory(path, self._office.organization)
        file = path.read_bytes()
        digest = sha256(file)
        known = self._store.directory()
        if known is None or sha256(known[1]) != digest:
            number = known[0] + 1 if known else 1
            self._record(number, digest, known[1] if known else None, found)
            self._store.keep_directory(number, digest, file)
        return found

    def _record(self, number: int, digest: str, before: bytes | None, after: Directory) -> None:
        payload: dict[str, JSON] = {
            "digest": digest,
            "before": sha256(before) if before is not None else None,
            **changes(self._parsed(before), after),
        }
        self._office.log.record(
            Event(
                id=event_id(digest, f"directory.changed:{number}"),
                type="directory.changed",
                actor=self._office.settings.service_identity,
                payload=payload,
            )
        )

    def _parsed(self, file: bytes | None) -> Directory | None:
        """Return an earlier directory; None if there was none, or it is of a release that read it otherwise."""
        if file is None:
            return None
        with TemporaryDirectory(prefix="lading-directory-") as folder:
            path = Path(folder) / "directory.yaml"
            path.write_bytes(file)
            try:
                return load_directory(path, self._office.organization)
            except InputError:
                return None


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy="Restore it from a backup.") from None
    return status.st_ino, status.st_size, status.st_mtime_ns
