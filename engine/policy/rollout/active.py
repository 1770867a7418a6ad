"""The bundle that decides now, and those that decide in shadow, compiled once and kept."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from engine.errors import LadingError, PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.mask import NO_MASK, Mask
from engine.policy.model import Mode
from engine.policy.rollout.store import PolicyStore

_KEPT: Final = 8  # compiled bundles
_SLICES: Final = 4096  # digests of slices known to be kept


class ActivePolicies:
    """Says before every decision which engine decides. Threads may share it.

    INVARIANT: which bundle is active is read from the database each time, never remembered: an activation counts
    from the next decision on, in every process. What cannot be had permits nothing.

    Attributes:
        keep_slice: keeps the entities that a decision rests on, so that it can be repeated exactly.
    """

    def __init__(self, store: PolicyStore, mask: Mask = NO_MASK) -> None:
        self._store = store
        self._mask = mask
        self._compiled = lru_cache(_KEPT)(self._compile)
        self.keep_slice = lru_cache(_SLICES)(store.keep_slice)

    def engine(self) -> PolicyEngine:
        """Return what decides.

        Raises:
            PolicyError: nothing does, or what should is not kept or does not load.
        """
        digest = self._store.active()
        if digest is None:
            raise PolicyError("no policy bundle is active", remedy="Restore state/policy.db from a backup.")
        return self.prepare(digest)

    def shadows(self) -> Sequence[PolicyEngine]:
        """Return what decides beside it, for the record only; what does not load any more is left out."""
        engines = []
        for digest in self._store.shadows():
            try:
                engines.append(self.prepare(digest, "shadow"))
            except (LadingError, OSError):
                continue
        return engines

    def prepare(self, digest: str, mode: Mode = "enforce") -> PolicyEngine:
        """Compile a bundle, unless that was done before, so that no decision has to wait for it.

        Raises:
            PolicyError: it is not kept, or does not load.
        """
        return self._compiled(digest, mode)

    def _compile(self, digest: str, mode: Mode) -> PolicyEngine:
        # As it stands: a bundle that was approved decides, though a later release may find something to say about it.
        with self._store.snapshot(digest).unfolded() as folder:
            return PolicyEngine(PolicyBundle.as_it_stands(folder), mode, self._mask)
