"""The store of one organization, as its owner process sees it: scopes, reading, export, destruction.

The folder holds:

    scopes/<agreement>.json             scope files
    <public key>/blobs/<name>           sealed files with one blob
    <public key>/packs/<name>           sealed files with several
    <public key>/tmp/<random>           files being written
    <public key>.<random>.destroyed/    what is left of a destroyed scope, until it is removed
"""

import hashlib
import secrets
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from engine.digest import is_digest
from engine.errors import InputError, StoreError
from engine.files import sync_folder, write_atomic
from engine.store.disk import disk_errors, free_bytes
from engine.store.export import write_verified
from engine.store.inventory import Inventory, take_inventory
from engine.store.keys import KeySource
from engine.store.scope import Scope, check_agreement, new_scope_file, open_scope_file
from engine.store.sealed import Names
from engine.store.shelf import Shelf
from engine.store.spool import Spool

_DESTROYED: Final = ".destroyed"


class Store:
    """Opens, reads and destroys scopes. One process per folder; any number of threads may read at once."""

    def __init__(self, folder: Path, keys: KeySource) -> None:
        """Open the store in `folder`, making it if needed, and finish or undo what a crash interrupted.

        Raises:
            StoreError: the folder cannot be written.
        """
        self._folder = folder
        self._scopes = folder / "scopes"
        self._keys = keys
        self._shelves: dict[Scope, Shelf] = {}
        self._lock = threading.Lock()
        with disk_errors("opening", folder):
            self._scopes.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            for torn in self._scopes.glob(".*.tmp"):
                torn.unlink()
            for destroyed in folder.glob(f"*{_DESTROYED}"):
                shutil.rmtree(destroyed)
            for temporary in folder.glob("*/tmp"):
                Spool(temporary.parent).clean()

    def open_scope(self, agreement: str) -> Scope:
        """Return the scope of an agreement; the first time, make its key pair.

        Raises:
            InputError: `agreement` cannot name a scope, or its scope file is not readable as one.
            IntegrityError: the scope file was altered, or another key wrapped it.
            StoreError: the disk is full or broken.
        """
        check_agreement(agreement)
        path = self._scope_file(agreement)
        with self._lock:
            with disk_errors("opening", path):
                if not path.exists():
                    write_atomic(path, new_scope_file(agreement, self._keys), mode=0o600)
                scope, _ = self._load(agreement)
            self._spool(scope).create()
            return scope

    def scopes(self) -> list[str]:
        """Return the agreements that have a scope, sorted."""
        with disk_errors("listing", self._scopes):
            return sorted(path.stem for path in self._scopes.glob("[!.]*.json"))

    def has(self, scope: Scope, sha256: str) -> bool:
        """Say whether the scope holds a blob; only reading it proves that it is intact."""
        return self._shelf(scope).holds(_digest(sha256))

    def read(self, scope: Scope, sha256: str) -> bytes:
        """Return the content of a blob; its SHA-256 was computed from the bytes on disk.

        Raises:
            IntegrityError: what is on disk was altered, cut, extended or swapped.
            StoreError: the scope does not hold the blob, was destroyed, or the disk is broken.
        """
        shelf, digest = self._shelf(scope), _digest(sha256)
        with shelf.verified(shelf.find(digest), digest) as content:
            return bytes(content)

    def assemble(self, scope: Scope, chunks: Iterable[str]) -> Iterator[memoryview]:
        """Yield the content of chunks in order, each verified. A piece is valid until the next is asked for.

        Args:
            scope: what to read from.
            chunks: SHA-256 of each chunk; one may stand there several times.

        Raises:
            IntegrityError: as `read`.
            StoreError: as `read`.
        """
        shelf = self._shelf(scope)
        for sha256 in chunks:
            digest = _digest(sha256)
            with shelf.verified(shelf.find(digest), digest) as content:
                yield content

    def pieces(self, scope: Scope, chunks: Iterable[str]) -> Iterator[memoryview]:
        """Yield chunks whose own SHA-256 was not computed: for those who compute one that covers them all.

        What is yielded is what was sealed under that name; a piece is valid until the next is asked for.

        Raises:
            IntegrityError: as `read`, but for a digest that differs.
            StoreError: as `read`.
        """
        shelf = self._shelf(scope)
        for sha256 in chunks:
            digest = _digest(sha256)
            with shelf.unsealed(shelf.find(digest), digest) as content:
                yield content

    def file_digest(self, scope: Scope, chunks: Iterable[str]) -> str:
        """Return the SHA-256 of the file that `chunks` make, computed from the bytes on disk.

        It costs half of what `assemble` and a second digest do. Should the result not be the promised one, `fsck`
        tells which chunk is to blame.

        Raises:
            IntegrityError: as `read`.
            StoreError: as `read`.
        """
        digest = hashlib.sha256()
        for piece in self.pieces(scope, chunks):
            digest.update(piece)
        return digest.hexdigest()

    def export_file(self, scope: Scope, chunks: Sequence[str], path: Path, *, sha256: str, executable: bool) -> int:
        """Write a file made of chunks: all of it and verified, or not at all. Return its size in bytes.

        Args:
            scope: what to read from.
            chunks: SHA-256 of each chunk, in order; none for an empty file.
            path: absolute, without `..` and without a symbolic link in any part; missing folders are made and a
                regular file is replaced.
            sha256: of the whole file.
            executable: whether its mode is 0755 instead of 0644.

        Raises:
            IntegrityError: a chunk is damaged, or the whole has another digest.
            StoreError: a chunk is missing, the disk is full, or `path` goes through a symbolic link.
        """
        # The file's own digest covers every byte, so the chunks' need not be computed as well.
        pieces = self.pieces(scope, chunks)
        return write_verified(path, pieces, sha256=sha256, mode=0o755 if executable else 0o644)

    def discard(self, scope: Scope, sha256s: Collection[str]) -> None:
        """Remove blobs, held or not. A pack goes once a single call names everything in it.

        Raises:
            StoreError: the disk is broken.
        """
        self._shelf(scope).discard({_digest(sha256) for sha256 in sha256s})

    def fsck(self, scope: Scope) -> Inventory:
        """Read everything the scope holds; what is damaged becomes a finding."""
        return take_inventory(self._shelf(scope))

    def destroy_scope(self, agreement: str) -> None:
        """Delete all that was received under an agreement by destroying its private key, then its files.

        Repeating it is harmless. INVARIANT: when this returns, no key on this disk opens the scope's files.

        Raises:
            IntegrityError: as `open_scope`.
            StoreError: the disk is broken; the scope may be destroyed or not.
        """
        check_agreement(agreement)
        path = self._scope_file(agreement)
        with self._lock, disk_errors("destroying", path):
            if not path.exists():
                return
            scope, _ = self._load(agreement)
            folder = self._folder / scope.public.hex()
            doomed = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}{_DESTROYED}")
            if folder.exists():
                # The folder loses its name first: no sealer can put into it what nobody will be able to read.
                folder.rename(doomed)
                sync_folder(self._folder)
            path.unlink()
            sync_folder(self._scopes)
            self._shelves.pop(scope, None)
            shutil.rmtree(doomed, ignore_errors=True)  # the next opening removes what stays

    def free_bytes(self) -> int:
        """Return how many bytes may still be written to the disk of the store."""
        return free_bytes(self._folder)

    def _shelf(self, scope: Scope) -> Shelf:
        with self._lock:
            known = self._shelves.get(scope)
            if known is not None:
                return known
            path = self._scope_file(scope.agreement)
            with disk_errors("opening", path):
                found, shelf = self._load(scope.agreement)
            if found != scope:
                raise StoreError(
                    f"the scope of {scope.agreement} was destroyed, and another has taken its place",
                    remedy="Open the scope again; what the destroyed one held cannot be read any more.",
                )
            return shelf

    def _load(self, agreement: str) -> tuple[Scope, Shelf]:
        data = self._scope_file(agreement).read_bytes()
        scope, private = open_scope_file(data, agreement, self._keys)
        if scope not in self._shelves:
            names = Names(self._keys.names_key, scope.public)
            self._shelves[scope] = Shelf(self._spool(scope), private, names)
        return scope, self._shelves[scope]

    def _spool(self, scope: Scope) -> Spool:
        return Spool(self._folder / scope.public.hex())

    def _scope_file(self, agreement: str) -> Path:
        return self._scopes / f"{agreement}.json"


def _digest(sha256: str) -> bytes:
    if not is_digest(sha256):
        raise InputError(
            f"{sha256[:80]!r} is no digest: 64 lower-case hexadecimal characters are expected",
            remedy="Name the blob by the SHA-256 of its content.",
        )
    return bytes.fromhex(sha256)
