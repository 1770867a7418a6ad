"""Which conditions made a denial: the ones that made a forbid apply, or kept the nearest permit from applying."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from cedarpy import pst

from engine.digest import JSON
from engine.policy.atoms import Atom, Kind
from engine.policy.bundle import Policy
from engine.policy.model import Condition, Decision
from engine.policy.values import Facts

Truth: TypeAlias = Mapping[str, bool | None]
"""By atom id: whether the condition holds; None if it could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Account:
    """How one policy stands to one request.

    Attributes:
        policy: the policy.
        applies: whether it applies; None if it could not be evaluated.
        conditions: every one of its conditions, in the order they are evaluated in.
        kinds: where each of them stands: `scope`, `when` or `unless`.
    """

    policy: Policy
    applies: bool | None
    conditions: tuple[Condition, ...]
    kinds: tuple[Kind, ...]

    def to_json(self) -> dict[str, JSON]:
        """Return the account as JSON values."""
        return {
            "policy": self.policy.id,
            "effect": self.policy.node.effect,
            "place": self.policy.place,
            "owner": self.policy.owner,
            "remedy": self.policy.remedy,
            "applies": self.applies,
            "conditions": [
                {"kind": kind, "condition": each.text, "holds": each.holds, "values": dict(each.values)}
                for kind, each in zip(self.kinds, self.conditions, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with how the policies of its action stand to it.

    Attributes:
        decision: the decision.
        accounts: those that matter: the determining policies, or a forbid that could not be evaluated, or, where no
            permit applies, the nearest one. Empty if a guard spoke before Cedar could be asked.
        everything: returns all of them: the determining ones first; then the permits, the nearest first; then the
            other forbids.
    """

    decision: Decision
    accounts: tuple[Account, ...]
    everything: Callable[[], tuple[Account, ...]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How some policies of one action stand to one request.

    Attributes:
        policies: these policies.
        truth: how each of their conditions came out.
        facts: what they looked at.
    """

    policies: Mapping[str, Policy]
    truth: Truth
    facts: Facts

    def of_forbids(self, ids: Iterable[str]) -> tuple[Condition, ...]:
        """Return the conditions that made these forbids apply."""
        return tuple(
            condition for id_ in ids for condition in self._conditions(id_, self._applied(self.policies[id_].atoms))
        )

    def of_errors(self, ids: Iterable[str | None]) -> tuple[Condition, ...]:
        """Return the conditions of these policies that could not be evaluated."""
        errored = [id_ for id_ in ids if id_ is not None and id_ in self.policies]
        return tuple(
            condition
            for id_ in errored
            for condition in self._conditions(
                id_, [atom for atom in self.policies[id_].atoms if self.truth[atom.id] is None]
            )
        )

    def of_nearest_permit(self) -> tuple[Condition, ...]:
        """Return the unmet conditions of the permit that has the fewest of them, and of those the most met."""
        distances = [
            (len(unmet), len(unmet) - len(policy.atoms), policy.id, unmet)
            for policy in self._permits()
            for unmet in [list(self._unmet(policy.atoms))]
        ]
        if not distances:
            return ()
        _, _, id_, unmet = min(distances, key=lambda distance: distance[:2])
        certain = [atom for atom in unmet if self.truth[atom.id] is not None]
        return tuple(self._conditions(id_, certain or unmet))

    def account(self, id_: str) -> Account:
        """Return how one of the policies stands to the request."""
        policy = self.policies[id_]
        conditions = tuple(self._conditions(id_, policy.atoms))
        return Account(policy, self.outcome(policy.atoms), conditions, tuple(atom.kind for atom in policy.atoms))

    def outcome(self, atoms: Iterable[Atom]) -> bool | None:
        """Put conditions together as Cedar does: from left to right, the first that settles it decides.

        Returns:
            Whether the policy applies; None if it could not be evaluated.
        """
        for (kind, _), clause in groupby(atoms, key=lambda atom: (atom.kind, atom.clause)):
            held = next((truth for atom in clause if (truth := self.truth[atom.id]) is not True), True)
            if held is None:
                return None
            if held is (kind == "unless"):
                return False
        return True

    def distance(self, id_: str) -> tuple[int, int]:
        """Return how far a policy is from applying: conditions it lacks, then those it lacks less all it has."""
        atoms = self.policies[id_].atoms
        unmet = len(list(self._unmet(atoms)))
        return unmet, unmet - len(atoms)

    def nearest(self) -> str | None:
        """Return the permit that lacks least; None if there is none."""
        permits = [policy.id for policy in self._permits()]
        return min(permits, key=self.distance, default=None)  # the one that a denial is told by

    def unmet(self, id_: str) -> tuple[Atom, ...]:
        """Return the conditions that keep a policy from applying."""
        return tuple(self._unmet(self.policies[id_].atoms))

    def has_permit(self) -> bool:
        """Say whether some permit applies."""
        return any(not list(self._unmet(policy.atoms)) for policy in self._permits())

    def _permits(self) -> list[Policy]:
        return [policy for policy in self.policies.values() if not policy.forbids]

    def _unmet(self, atoms: Iterable[Atom]) -> Iterator[Atom]:
        """Yield the conditions that keep a policy from applying."""
        excuses: dict[int, list[Atom]] = {}
        for atom in atoms:
            if atom.kind == "unless":
                excuses.setdefault(atom.clause, []).append(atom)
            elif self.truth[atom.id] is not True:
                yield atom
        for clause in excuses.values():
            if all(self.truth[atom.id] is True for atom in clause):
                yield from clause

    def _applied(self, atoms: Iterable[Atom]) -> list[Atom]:
        """Return the conditions that let a forbid apply: an `unless` that failed first, then what was asked for.

        Scope and `has` only lead up to the conditions that matter; they are told when there is nothing else.
        """
        failed = [atom for atom in atoms if atom.kind == "unless" and self.truth[atom.id] is False]
        asked = [atom for atom in atoms if atom.kind == "when"]
        telling = (_without_has(failed) or failed) + _without_has(asked)
        return telling or asked or [atom for atom in atoms if atom.kind == "scope"]

    def _conditions(self, id_: str, atoms: Iterable[Atom]) -> Iterator[Condition]:
        for atom in atoms:
            values = self.facts.seen_by(atom.expression)
            yield Condition(id_, atom.text, self.truth[atom.id], values, self.policies[id_].remedy)


def _without_has(atoms: Iterable[Atom]) -> list[Atom]:
    return [atom for atom in atoms if not isinstance(atom.expression, pst.HasAttr)]
