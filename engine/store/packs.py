"""Which pack holds a blob: an index in memory, made from the heads of the packs."""

import threading
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from engine.errors import IntegrityError
from engine.store.reader import SealedFile, open_sealed


class PackIndex:
    """The packs of one scope. Listeners add packs in other processes, so what is unknown is looked for again."""

    def __init__(self, folder: Path, private: X25519PrivateKey) -> None:
        self._folder = folder
        self._private = private
        self._lock = threading.Lock()
        self._opened: dict[Path, SealedFile] = {}
        self._holding: dict[bytes, SealedFile] = {}

    def find(self, digest: bytes) -> SealedFile | None:
        """Return a pack that holds the blob, or None.

        Raises:
            IntegrityError: no pack is known to hold it, and one that might is damaged.
            OSError: the folder cannot be listed.
        """
        with self._lock:
            if digest not in self._holding:
                damage = self._look_again()
                if damage and digest not in self._holding:
                    raise damage[0]
            return self._holding.get(digest)

    def discard(self, unwanted: Collection[bytes]) -> None:
        """Remove the packs that hold nothing but what is unwanted.

        Raises:
            OSError: a pack cannot be removed.
        """
        with self._lock:
            self._look_again()
            for path, pack in list(self._opened.items()):
                if pack.entries.keys() <= set(unwanted):
                    path.unlink(missing_ok=True)
                    del self._opened[path]
            self._holding = {digest: pack for pack in self._opened.values() for digest in pack.entries}

    def _look_again(self) -> list[IntegrityError]:
        damage = []
        for path in self._folder.iterdir():
            if path not in self._opened:
                try:
                    pack = open_sealed(path, self._private)
                except IntegrityError as error:
                    damage.append(error)
                    continue
                self._opened[path] = pack
                self._holding.update(dict.fromkeys(pack.entries, pack))
        return damage
