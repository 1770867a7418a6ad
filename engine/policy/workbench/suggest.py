"""Suggested cases: for faults that nobody notices, and conditions not seen both ways.

Each starts from a case that passes and changes one thing, or two, that the policy in question looks at: a value is
moved to its boundary, a condition flipped, somebody else asks. It is suggested only if it was tried and helps. What
it expects is what the policies answer today; whether that is right, a person has to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.digest import canonical
from engine.policy.bundle import Policy, PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.guard import Objection
from engine.policy.question import Question, prepare
from engine.policy.workbench.certain import askable
from engine.policy.workbench.coverage import AtomCoverage
from engine.policy.workbench.form import Case
from engine.policy.workbench.mutants import Mutant
from engine.policy.workbench.mutation import MutationReport, Progress, Trial
from engine.policy.workbench.situation import Situation
from engine.policy.workbench.suite import Outcome
from engine.policy.workbench.variants import Pool, Variant, variants
from engine.policy.workbench.writing import Written

MAX_TRIED: Final = 2000
"""Situations tried for one policy."""
_PAIRED: Final = 6  # starting points from which two changes are tried


@dataclass(slots=True)
class _Wanted:
    """What cases are wanted for: the faults of one policy that nobody notices, and what was not seen of it."""

    policy: Policy
    mutants: list[Mutant] = field(default_factory=list)
    unseen: list[tuple[str, str, bool]] = field(default_factory=list)  # atom id, its text, the missing value

    @property
    def met(self) -> bool:
        return not self.mutants and not self.unseen


def suggest(
    bundle: PolicyBundle,
    asked: Sequence[tuple[Outcome, Question]],
    coverage: AtomCoverage | None,
    mutation: MutationReport | None,
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> tuple[Written, ...]:
    """Return cases that would cover and notice more.

    Args:
        bundle: the policies.
        asked: the cases that Cedar answered.
        coverage: what they cover; None if that is not wanted.
        mutation: what they notice; None if that is not wanted.
        progress: is told how many policies are done, and of how many.
    """
    search = _Search(bundle, [(outcome, question) for outcome, question in asked if outcome.passed])
    found: list[Written] = []
    wanted = _wanted(bundle, coverage, mutation)
    for number, each in enumerate(wanted.values(), 1):
        progress(number, len(wanted))
        for written in search.for_policy(each):
            found.append(written)
            # A case may help other policies, too.
            search.note(written, wanted)
    return tuple(found)


def _wanted(bundle: PolicyBundle, coverage: AtomCoverage | None, mutation: MutationReport | None) -> dict[str, _Wanted]:
    wanted = {id_: _Wanted(policy) for id_, policy in bundle.policies.items()}
    for mutant in mutation.survivors if mutation else ():
        wanted[mutant.policy].mutants.append(mutant)
    for missing in coverage.missing if coverage else ():
        wanted[missing.policy].unseen += [(missing.id, missing.text, value) for value in missing.values]
    return wanted


class _Search:
    def __init__(self, bundle: PolicyBundle, asked: Sequence[tuple[Outcome, Question]]) -> None:
        self._bundle = bundle
        self._asked = asked
        self._engine = PolicyEngine(bundle)
        self._pool = Pool(question for _, question in asked)
        self._askable = sorted(askable(bundle.slices, bundle.schema))

    def for_policy(self, wanted: _Wanted) -> Iterator[Written]:
        """Yield cases until there is nothing more to notice about one policy, or enough was tried."""
        if wanted.met:
            return
        trial = Trial(self._bundle, wanted.mutants)
        seen: set[tuple[str, bytes]] = set()
        for tried, (name, variant) in enumerate(self._candidates(wanted.policy)):
            if wanted.met or tried == MAX_TRIED:
                return
            question = self._question(variant.situation)
            if question is None:
                continue
            key = (question.entities_digest, canonical([question.request.to_json(), dict(question.context)]))
            if key in seen:
                continue
            seen.add(key)
            written = self._written(f"{name}, {variant.change}", question, variant.situation, trial, wanted)
            if written is not None:
                yield written

    def note(self, written: Written, wanted: Mapping[str, _Wanted]) -> None:
        """Strike out what a new case notices about any policy."""
        question = self._question(written.situation)
        if question is not None:
            for each in wanted.values():
                if not each.met and each.policy.id in question.slice.policies:
                    _strike(each, question, _as_case(written), Trial(self._bundle, each.mutants))

    def _candidates(self, policy: Policy) -> Iterator[tuple[str, Variant]]:
        """Yield situations to try: one change, from the nearest case on, then two from a few, then other actions."""
        conditions = [atom.expression for atom in policy.atoms]
        near = [each for each in self._starts(policy) if each.situation.request.action in policy.actions]
        for start in near:
            for variant in variants(start.situation, conditions, self._askable, self._pool):
                yield start.case.name, variant
        for start in near[:_PAIRED]:
            for first in variants(start.situation, conditions, self._askable, self._pool):
                for second in variants(first.situation, conditions, (), self._pool):
                    yield start.case.name, Variant(second.situation, f"{first.change}, {second.change}")
        if not near:
            for start in self._starts(policy):
                for first in variants(start.situation, (), sorted(policy.actions & {*self._askable}), self._pool):
                    yield start.case.name, first
                    for second in variants(first.situation, conditions, (), self._pool):
                        yield start.case.name, Variant(second.situation, f"{first.change}, {second.change}")

    def _starts(self, policy: Policy) -> list[Outcome]:
        return sorted(
            (outcome for outcome, _ in self._asked),
            key=lambda outcome: (policy.id not in outcome.decision.reasons, not outcome.decision.permitted),
        )

    def _question(self, situation: Situation) -> Question | None:
        try:
            return prepare(self._bundle, situation.request, situation.entities.values(), situation.now)
        except Objection:
            return None

    def _written(
        self, name: str, question: Question, situation: Situation, trial: Trial, wanted: _Wanted
    ) -> Written | None:
        """Return a case if it helps, and strike out what it helps with."""
        because, permitted = trial.answer(question)
        case = Case.model_construct(name=name, expect="permit" if permitted else "deny", because=because)
        if not _helps(wanted, question, case, trial):
            return None
        decision = self._engine.decide(situation.request, situation.entities.values(), situation.now)
        if decision.failsafe or decision.because != because:
            return None
        remarks = _strike(wanted, question, case, trial)
        known = Situation(situation.request, question.entities, situation.now)
        return Written(name, known, decision.decision, decision.because, tuple(remarks))


def _helps(wanted: _Wanted, question: Question, case: Case, trial: Trial) -> bool:
    return bool(_noticed(wanted, question, case, trial) or _seen(wanted, question))


def _noticed(wanted: _Wanted, question: Question, case: Case, trial: Trial) -> list[Mutant]:
    return [mutant for mutant in trial.noticed(question, case) if mutant in wanted.mutants]


def _seen(wanted: _Wanted, question: Question) -> list[tuple[str, str, bool]]:
    if not wanted.unseen or wanted.policy.id not in question.slice.policies:
        return []
    truth = question.explanation([wanted.policy.id]).truth
    return [(id_, text, value) for id_, text, value in wanted.unseen if truth[id_] is value]


def _strike(wanted: _Wanted, question: Question, case: Case, trial: Trial) -> list[str]:
    noticed, seen = _noticed(wanted, question, case, trial), _seen(wanted, question)
    wanted.mutants = [mutant for mutant in wanted.mutants if mutant not in noticed]
    wanted.unseen = [each for each in wanted.unseen if each not in seen]
    return [
        *(f"notices {mutant.policy} {mutant.id}: {mutant.change}" for mutant in noticed),
        *(f"sees {wanted.policy.id} with {text} {str(value).lower()}" for _, text, value in seen),
    ]


def _as_case(written: Written) -> Case:
    return Case.model_construct(name=written.name, expect=written.expect.value, because=tuple(written.because))
