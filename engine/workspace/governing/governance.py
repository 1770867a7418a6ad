"""The policies of one organization, composed: the database, what decides now, their life, the judge."""

import threading
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from engine.audit.continuation import number_of
from engine.audit.reader import LogReader
from engine.database import migrate, open_engine
from engine.errors import PolicyError
from engine.policy.judge import Judge
from engine.policy.mask import Mask
from engine.policy.rollout.active import ActivePolicies
from engine.policy.rollout.lifecycle import Lifecycle
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.rollout.store import Candidate, PolicyStore
from engine.workspace.governing.decisions import recorded_decisions
from engine.workspace.people import People

if TYPE_CHECKING:
    from engine.workspace.office import Office

_ACTIVATED: Final = ("policy.activated", "policy.reverted")
_PAGE: Final = 512
_REPLAYED: Final = 2000  # newest decisions that every candidate is replayed on


class Governance:
    """What an office needs to decide by policies, and to change them. Opened by the workspace's owner alone.

    Args:
        office: whose policies they are.

    Attributes:
        store: the policy database.
        active: what decides now.
        lifecycle: how that changes.
        lock: held while it does.
        people: who is who, as the directory says now.
    """

    def __init__(self, office: "Office") -> None:
        self._office = office
        self._engine = open_engine(office.layout.policy_database)
        migrate(self._engine, "policy")
        self.store = PolicyStore(self._engine, office.clock)
        self.active = ActivePolicies(self.store, Mask(office.settings.policy.mask))
        self.lock = threading.Lock()
        self.people = People(office, self)
        self.lifecycle = Lifecycle(
            organization=office.organization,
            service=office.settings.service_identity,
            store=self.store,
            recorder=office.log,
            clock=office.clock,
            trust=lambda: office.trust.organization_trust(office.organization),
            sign=office.sign,
            decisions=lambda: recorded_decisions(office.layout.home, limit=_REPLAYED),
        )

    def __enter__(self) -> Self:
        """Settle what a crash left open, and take up the policies of a workspace that has no database of them yet."""
        try:
            self.lifecycle.settle()
            if self.store.active() is None:
                self._begin()
        except BaseException:
            self._engine.dispose()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @cached_property
    def judge(self) -> Judge:
        """Asks policy, and records every answer before anybody acts on it."""
        office = self._office
        return Judge(self.active, self.people.now, office.log, office.clock)

    @property
    def action(self) -> str:
        """What policy is asked about changing policies; bundles made before `govern` existed know `administer`."""
        return "govern" if self.judge.knows("govern") else "administer"

    def see(self) -> Candidate | None:
        """Take notice of the policy folder as it is now.

        Raises:
            PolicyError: it cannot be read.
        """
        found = self.on_disk()
        with self.lock:
            return self.lifecycle.see(found)

    def on_disk(self) -> Snapshot:
        """Return the policy folder as it is now.

        Raises:
            PolicyError: it cannot be read.
        """
        return Snapshot.read(self._office.layout.policies)

    def _begin(self) -> None:
        """Let the bundle in the folder be the first that decides.

        INVARIANT: a workspace whose log says which bundle decided takes up that one and no other, so that losing
        the database gives nobody the power to change policies.
        """
        snapshot = self.on_disk()
        logged = self._newest_logged()
        if logged not in (None, snapshot.digest):
            raise PolicyError(
                f"{self._office.layout.policy_database} is gone, and policies/ holds bundle {snapshot.digest[:16]}, "
                f"expected {str(logged)[:16]}, which the log says decides",
                remedy="Restore state/policy.db from a backup, or policies/ as it was when that bundle was activated.",
            )
        self.lifecycle.begin(snapshot, self._office.settings.service_identity, "the first policies of this workspace")

    def _newest_logged(self) -> str | None:
        """Return the digest of the bundle that the log says decides, or a former one; None if they never said so."""
        layout, origins = self._office.layout, [key.name for key in self._office.log_keys(self._office.organization)]
        former = [layout.former_log(number_of(origin) or 0) for origin in origins[1:]]
        found = map(_newest_in, (layout.audit_database, *former))
        return next((digest for digest in found if digest is not None), None)


def _newest_in(path: Path) -> str | None:
    """Return the digest of the bundle that a log says decides; None if it never said so."""
    with LogReader(path) as log:
        for end in range(log.size, 0, -_PAGE):
            start = max(0, end - _PAGE)
            for row in reversed(log.rows(start, end - start)):
                if row.type in _ACTIVATED:
                    return row.policy
    return None
