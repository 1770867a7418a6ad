"""The mutation score: of how many deliberate faults some case of the suites takes notice.

Cedar decides by which policies apply. A fault changes one policy; whether all others apply is known. So one call to
Cedar for each case tells of every mutant whether it applies, and the answer follows: a forbid before a permit, then
the guard, as for every decision.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from cedarpy import PolicySet, pst

from engine.policy.bundle import Policy, PolicyBundle
from engine.policy.guard import Raw, objection_to
from engine.policy.question import Question
from engine.policy.tree import policy_set
from engine.policy.workbench.certain import askable, certain_atoms, refusals
from engine.policy.workbench.form import Case, Equivalent
from engine.policy.workbench.mutants import Mutant, mutants_of
from engine.policy.workbench.sameness import meaning
from engine.policy.workbench.suite import Outcome, percent

DECLARED_PERCENT: Final = 5
"""How many of the mutants suites may declare to be equivalent."""

Holds: TypeAlias = Mapping[str, bool | None]
"""By id: whether a policy applies; None if it could not be evaluated."""
Progress: TypeAlias = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Same:
    """A mutant that is not counted, because no case could tell it from its policy.

    Attributes:
        mutant: the mutant.
        reason: why.
        declared: whether a suite says so.
    """

    mutant: Mutant
    reason: str
    declared: bool = False


@dataclass(frozen=True, slots=True)
class MutationReport:
    """How many faults the cases notice.

    Attributes:
        counted: the faults that a case could notice.
        survivors: those that none did.
        equivalents: mutants that are not counted.
        complaints: what is wrong with the equivalents that suites declare, a line each.
    """

    counted: int
    survivors: tuple[Mutant, ...]
    equivalents: tuple[Same, ...]
    complaints: tuple[str, ...]

    @property
    def percent(self) -> int:
        """Noticed faults in percent, rounded down."""
        return percent(self.counted - len(self.survivors), self.counted)


@dataclass(frozen=True, slots=True)
class Mutants:
    """The faults of a bundle that a case could notice, ready to be tried.

    Attributes:
        bundle: the bundle.
        living: these mutants.
        same: the mutants that are not among them.
    """

    bundle: PolicyBundle
    living: tuple[Mutant, ...]
    same: tuple[Same, ...]

    @classmethod
    def of(cls, bundle: PolicyBundle) -> "Mutants":
        """Make every mutant of a bundle and set those aside that mean the same, or that the schema refuses."""
        asked = askable(bundle.slices, bundle.schema)
        made = [mutant for policy in bundle.policies.values() for mutant in mutants_of(policy, asked)]
        trees = [mutant.node or bundle.policies[mutant.policy].node for mutant in made]
        refused = refusals(trees, bundle.schema)
        certain = certain_atoms(bundle.policies.values(), bundle.schema)
        known = {
            (policy.id, *meaning(policy.node)): "means what the policy means" for policy in bundle.policies.values()
        }
        living, same = [], []
        for number, mutant in enumerate(made):
            key = (mutant.policy, *(meaning(mutant.node) if mutant.node else ()))
            if number in refused:
                same.append(Same(mutant, f"the schema refuses it: {refused[number]}"))
            elif mutant.dropped is not None and certain.get(mutant.dropped) is True:
                same.append(Same(mutant, "the schema lets what it drops be nothing but true"))
            elif key in known:
                same.append(Same(mutant, known[key]))
            else:
                known[key] = f"means what {mutant.id} means"
                living.append(mutant)
        return cls(bundle, tuple(living), tuple(same))

    def trial(self, mutants: Iterable[Mutant]) -> "Trial":
        """Make some of the mutants ready to be tried."""
        return Trial(self.bundle, tuple(mutants))


class Trial:
    """Mutants as Cedar holds them, by action: a case asks for one action, and meets those that can apply to it."""

    def __init__(self, bundle: PolicyBundle, mutants: Sequence[Mutant]) -> None:
        self._bundle = bundle
        self._mutants = mutants
        self._sets: dict[str, tuple[dict[str, Mutant], PolicySet, PolicySet]] = {}

    def noticed(self, question: Question, case: Case) -> Iterator[Mutant]:
        """Yield the mutants under which a case fails.

        Args:
            question: what the case asks.
            case: what it expects; it passes under the policies as they are.
        """
        mutants, rules, faulty = self._of(question.request.action)
        if not mutants:
            return
        policies = question.slice.policies
        as_it_is = _applying(question, rules, policies)
        as_mutated = _applying(question, faulty, mutants)
        for id_, mutant in mutants.items():
            original = self._bundle.policies[mutant.policy]
            node = mutant.node
            if as_mutated[id_] == as_it_is.get(mutant.policy, False) and (
                node is None or node.effect == original.node.effect
            ):
                continue
            changed = original if node is None else replace(original, node=node)
            if not _expected(case, {**policies, original.id: changed}, {**as_it_is, original.id: as_mutated[id_]}):
                yield mutant

    def answer(self, question: Question) -> tuple[tuple[str, ...], bool]:
        """Return what decides a question, and whether it permits, by the policies as they are."""
        _, rules, _ = self._of(question.request.action)
        policies = question.slice.policies
        return answer(policies, _applying(question, rules, policies))

    def _of(self, action: str) -> tuple[dict[str, Mutant], PolicySet, PolicySet]:
        if action not in self._sets:
            rules = self._bundle.slices[action].policies
            near = {
                f"{number}": mutant for number, mutant in enumerate(self._mutants) if self._concerns(mutant, action)
            }
            self._sets[action] = (
                near,
                _as_permits({id_: policy.node for id_, policy in rules.items()}),
                _as_permits({id_: mutant.node for id_, mutant in near.items() if mutant.node is not None}),
            )
        return self._sets[action]

    def _concerns(self, mutant: Mutant, action: str) -> bool:
        everywhere = mutant.node is not None and isinstance(mutant.node.action, pst.ScopeAny)
        return everywhere or action in self._bundle.policies[mutant.policy].actions


def mutation_report(
    mutants: Mutants,
    asked: Sequence[tuple[Outcome, Question]],
    declared: Sequence[Equivalent],
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> MutationReport:
    """Let the cases that pass try every mutant.

    Args:
        mutants: the mutants.
        asked: the cases that Cedar answered.
        declared: the mutants that suites declare to be equivalent.
        progress: is told how far it got.
    """
    trial = mutants.trial(mutants.living)
    noticed: set[tuple[str, str]] = set()
    for number, (outcome, question) in enumerate(asked, 1):
        if outcome.passed:
            noticed |= {(mutant.policy, mutant.id) for mutant in trial.noticed(question, outcome.case)}
        progress(number, len(asked))
    said = {(each.policy, each.mutant): each.reason for each in declared}
    same, survivors = list(mutants.same), []
    for mutant in mutants.living:
        name = (mutant.policy, mutant.id)
        if name in noticed:
            continue
        if name in said:
            same.append(Same(mutant, said[name], declared=True))
        else:
            survivors.append(mutant)
    counted = len(mutants.living) - sum(each.declared for each in same)
    return MutationReport(counted, tuple(survivors), tuple(same), tuple(_complaints(mutants, said, noticed)))


def _complaints(mutants: Mutants, said: Mapping[tuple[str, str], str], noticed: set[tuple[str, str]]) -> Iterator[str]:
    known = {(each.policy, each.id) for each in (*mutants.living, *(same.mutant for same in mutants.same))}
    for policy, mutant in said:
        if (policy, mutant) not in known:
            yield f"the declared equivalent {policy} {mutant} is no mutant; the policy may have changed"
        elif (policy, mutant) in noticed:
            yield f"the declared equivalent {policy} {mutant} is noticed by a case, and so is none"
    if 100 * len(said) > DECLARED_PERCENT * len(mutants.living):
        share = f"{len(said)} of {len(mutants.living)} mutants"
        yield f"{share} are declared equivalent, expected {DECLARED_PERCENT}% at most"


def _as_permits(nodes: Mapping[str, pst.Template]) -> PolicySet:
    """Return policies as permits: of permits, Cedar names all that apply."""
    return PolicySet.from_pst(
        policy_set(
            {id_: replace(node, id=id_, effect="permit", annotations=pst.FrozenMap()) for id_, node in nodes.items()}
        )
    )


def _applying(question: Question, policies: PolicySet, ids: Iterable[str]) -> dict[str, bool | None]:
    told = question.ask(policies)
    holds: dict[str, bool | None] = dict.fromkeys(ids, False)
    holds |= dict.fromkeys(told.reasons, True)
    holds |= dict.fromkeys((id_ for id_ in told.errored() if id_ is not None), None)
    return holds


def _expected(case: Case, policies: Mapping[str, Policy], holds: Holds) -> bool:
    """Say whether a case passes where exactly these policies apply."""
    because, permitted = answer(policies, holds)
    agreed = not case.because or set(case.because) == set(because)
    return agreed and permitted == (case.expect == "permit")


def answer(policies: Mapping[str, Policy], holds: Holds) -> tuple[tuple[str, ...], bool]:
    """Return what decides, and whether it permits, where these policies apply."""
    by_effect: dict[bool, list[str]] = defaultdict(list)
    for id_, applies in holds.items():
        if applies:
            by_effect[policies[id_].forbids].append(id_)
    forbids, permits = by_effect[True], by_effect[False]
    errors = tuple(f"error while evaluating policy `{id_}`: " for id_, applies in holds.items() if applies is None)
    raw = Raw("Allow" if permits and not forbids else "Deny", tuple(sorted(forbids or permits)), errors)
    objection = objection_to(raw, policies)
    if objection is not None:
        return (objection.code,), False
    return raw.reasons or ("no-permit",), raw.answer == "Allow"
