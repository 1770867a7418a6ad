"""Where a listener puts what partners send: sealed into the store first, then marked in the journal."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from engine.errors import DigestMismatch, InputError, StoreError
from engine.store.sealer import Sealer
from engine.wire.journal import Incoming, Journal, State
from engine.wire.problem import DIGEST_MISMATCH, ProblemError, expired, revoked


class ChunkSink(Protocol):
    """Takes chunks. Its methods run in threads, several at once."""

    def admit(self, peer: str, transfer: str) -> Incoming:
        """Return the transfer that `peer` may send chunks of.

        Raises:
            ProblemError: 404 if there is none of that peer, 403 if it was revoked, 410 if its time is over.
        """
        ...

    def wanted(self, incoming: Incoming, chunks: Sequence[tuple[str, int]]) -> frozenset[str]:
        """Return the digests, of those given as (SHA-256, size), that are still missing.

        Raises:
            ProblemError: 404 for a chunk that the offer does not name, 400 for one of another size, 409 if one is
                missing from a transfer that was committed.
        """
        ...

    def keep(self, incoming: Incoming, blobs: Sequence[tuple[str, memoryview]]) -> None:
        """Make chunks durable, and only then note that they are here. Several go into one pack.

        Raises:
            ProblemError: 422 if a digest differs, 403 or 410 as `admit`, 507 if the disk is full.
        """
        ...


class JournalSink:
    """Seals into the store of one organization, and marks in its journal."""

    def __init__(self, journal: Journal, store: Path, names_key: bytes) -> None:
        """Take chunks for every transfer in the journal.

        Args:
            journal: says who may send what.
            store: the store's folder.
            names_key: turns digests into names; it opens nothing.
        """
        self._journal = journal
        self._store = store
        self._names_key = names_key
        self._lock = threading.Lock()
        self._sealers: dict[bytes, Sealer] = {}

    def admit(self, peer: str, transfer: str) -> Incoming:
        """As `ChunkSink.admit`."""
        incoming = self._journal.find(transfer)
        if incoming is None or incoming.peer != peer:
            # One answer for both: nobody learns which transfers others have.
            raise ProblemError(404, "No such transfer", codes=("unknown-transfer",))
        if incoming.state is State.REVOKED:
            raise revoked()
        if incoming.state is State.EXPIRED:
            raise expired()
        return incoming

    def wanted(self, incoming: Incoming, chunks: Sequence[tuple[str, int]]) -> frozenset[str]:
        """As `ChunkSink.wanted`."""
        try:
            sizes = self._journal.sizes(incoming.transfer, [sha256 for sha256, _ in chunks])
        except InputError as error:
            raise ProblemError(404, "No such chunk", str(error), codes=("unknown-chunk",)) from None
        for sha256, size in chunks:
            if sizes.get(sha256, size) != size:
                found = f"chunk {sha256}: found {size} bytes, the offer says {sizes[sha256]}"
                raise ProblemError(400, "Not the size that was offered", found, codes=("size-mismatch",))
        if sizes and incoming.state is not State.OPEN:
            raise _closed()
        return frozenset(sizes)

    def keep(self, incoming: Incoming, blobs: Sequence[tuple[str, memoryview]]) -> None:
        """As `ChunkSink.keep`."""
        sealer = self._sealer(incoming.scope_public)
        try:
            if len(blobs) == 1:
                sealer.put(*blobs[0])
            else:
                sealer.put_pack(blobs)
        except DigestMismatch as error:
            raise ProblemError(
                422, "Not the bytes that were offered", str(error), codes=(DIGEST_MISMATCH,), remedy=error.remedy
            ) from None
        except StoreError as error:
            # The path and the disk are nobody's business outside; the listener's own log has them.
            raise ProblemError(
                507, "The store cannot take more now", codes=("store-full",), remedy="Resume the transfer later."
            ) from error
        if not self._journal.mark(incoming.transfer, [sha256 for sha256, _ in blobs]):
            self.admit(incoming.peer, incoming.transfer)
            raise _closed()

    def _sealer(self, scope_public: bytes) -> Sealer:
        with self._lock:
            if scope_public not in self._sealers:
                self._sealers[scope_public] = Sealer(self._store, scope_public, self._names_key)
            return self._sealers[scope_public]


def _closed() -> ProblemError:
    return ProblemError(409, "This transfer was committed", "nothing more is taken", codes=("closed",))
