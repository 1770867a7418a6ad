"""What was verified before: a question about every artifact held must not verify all their signatures anew.

A verification looks at the bundle and at the trust it is verified under, at no clock and no network: the same bytes
under the same trust prove the same thing again.

INVARIANTS
- An outcome is found only by the digest of exactly the same bundle, root, identities and predicate type: a pin that
  changed verifies again.
- Only what was verified is kept. What was refused is examined anew, and refused anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Final

from engine.digest import sha256
from engine.signing.organization_trust import OrganizationTrust, Signed

MOST: Final = 2048
"""How many outcomes are kept: those that were asked for last."""
LARGEST: Final = 64 << 10
"""The largest payload in bytes that is kept; signatures over very many files are verified each time."""

Key = tuple[str, OrganizationTrust, str]


class Verified:
    """Remembers verified bundles, in memory alone; several threads may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Signed] = OrderedDict()
        self._lock = threading.Lock()

    def verify(
        self, bundle: bytes, trust: OrganizationTrust, predicate_type: str, verify: Callable[[], Signed]
    ) -> Signed:
        """Return what a bundle proves under a trust, calling `verify` unless it did so before.

        Raises:
            LadingError: whatever `verify` raises.
        """
        key = (sha256(bundle), trust, predicate_type)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        signed = known or verify()
        if known is None and len(signed.payload) <= LARGEST:
            self._keep(key, signed)
        # Whoever gets a statement may change their copy.
        return replace(signed, statement=deepcopy(signed.statement))

    def _keep(self, key: Key, signed: Signed) -> None:
        with self._lock:
            self._kept[key] = signed
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)


VERIFIED: Final = Verified()
