"""The folder of one scope, and how a file gets its name there only after its bytes are durable.

INVARIANT: write a temporary file, sync it, rename it, sync the folder, in this order. A crash in between leaves at
most the temporary file, which nobody reads and the next opening removes.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.files import sync_folder
from engine.store.disk import disk_errors, open_file, write_all


class Spool:
    """The three folders of a scope.

    Attributes:
        blobs: sealed files with one blob each, by the hexadecimal name of the blob.
        packs: sealed files with several small blobs each.
        temporary: files being written; each is locked by its writer.
    """

    def __init__(self, folder: Path) -> None:
        self.blobs = folder / "blobs"
        self.packs = folder / "packs"
        self.temporary = folder / "tmp"

    def create(self) -> None:
        """Make the folders that are missing, durably and for their owner alone."""
        folder = self.blobs.parent
        with disk_errors("creating", folder):
            for place in (self.blobs, self.packs, self.temporary):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            sync_folder(folder)
            sync_folder(folder.parent)

    def write(self, target: Path, data: memoryview) -> None:
        """Make `target` hold `data`, durably, or leave no trace.

        Raises:
            StoreError: the disk is full or broken, or the scope's folder is gone.
        """
        with disk_errors("writing", target):
            with self._begin() as (temporary, descriptor):
                write_all(descriptor, data)
                os.fsync(descriptor)
                temporary.rename(target)
            sync_folder(target.parent)

    def holds(self, target: Path) -> bool:
        """Say whether `target` is there, and if so make sure that its name is durable too.

        Another writer may have renamed it a moment ago and not synced the folder yet: answering "held" before the
        name is durable would acknowledge what a power cut can take back.
        """
        with disk_errors("looking for", target):
            found = target.exists()
            if found:
                sync_folder(target.parent)
        return found

    def clean(self) -> None:
        """Remove what crashed writers left; a file whose writer lives is locked, and stays."""
        with disk_errors("cleaning", self.temporary):
            for path in self.temporary.iterdir():
                with suppress(FileNotFoundError, BlockingIOError), open_file(path, os.O_RDONLY) as descriptor:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()

    @contextmanager
    def _begin(self) -> Iterator[tuple[Path, int]]:
        path = self.temporary / secrets.token_hex(16)
        try:
            with open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
                # Should `clean` win the race for the lock, the rename fails, and nothing was acknowledged.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield path, descriptor
        except BaseException:
            path.unlink(missing_ok=True)
            raise
