"""Test suites of policies, in YAML: requests, the answers they must get, and the policies that must give them.

    suite: transfers
    now: 2026-06-01T12:00:00Z
    entities: fixtures/world.yaml
    defaults:
      request: {principal: User::ada@acme.example, action: send, resource: Artifact::sentiment}
      context: {purpose: evaluation}
    cases:
      - name: an agreement that ended binds nobody
        with: {context.now: 2027-01-01T00:00:00Z}
        expect: deny
        because: [deny-agreement-window]
    matrix:
      - name: who may use what Acme made
        actions: [view, copy, deploy]
        permitted:
          User::ada@acme.example: [view, copy]
          User::joe@acme.example: [view]
    thresholds: {policies: 100, atoms: 95, mutation: 90}

A denial must say why: the ids of all determining policies, `no-permit`, or the name of a failsafe. The format is
specified in `docs/formats/suite.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.policy.bundle import PolicyBundle
from engine.policy.documents import read_document
from engine.policy.engine import PolicyEngine
from engine.policy.model import Decision, Entity, EntityUid
from engine.policy.requests import load_entities
from engine.policy.workbench.form import SUITE_FILE, Case, Equivalent, SuiteFile, Thresholds
from engine.policy.workbench.matrix import cases_of
from engine.policy.workbench.situation import REMEDY, Situation, arrange, different


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case came out.

    Attributes:
        suite: the suite's name.
        case: the case.
        situation: what was asked, in which world.
        decision: what the engine decided.
    """

    suite: str
    case: Case
    situation: Situation
    decision: Decision

    @property
    def passed(self) -> bool:
        """True when the answer is the expected one, for exactly the expected reasons."""
        reasons_agree = not self.case.because or set(self.case.because) == set(self.decision.because)
        return self.decision.decision.value == self.case.expect and reasons_agree

    @property
    def expected(self) -> str:
        """The answer that was expected, and why."""
        reasons = ", ".join(self.case.because) or f"of any {'permit' if self.case.expect == 'permit' else 'reason'}"
        return f"{self.case.expect} because {reasons}"

    @property
    def found(self) -> str:
        """The answer that was given, and why."""
        return f"{self.decision.decision.value} because {', '.join(self.decision.because)}"

    @property
    def message(self) -> str:
        """What was expected and what was found, in one line."""
        return f"{self.suite}: {self.case.name}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that share a world.

    Attributes:
        name: the suite's name.
        path: its file.
        entities: the world.
        file: what the file says.
    """

    name: str
    path: Path
    entities: Mapping[EntityUid, Entity]
    file: SuiteFile

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a suite and the entities it names.

        Raises:
            InputError: a file is missing, too large, not what it should be, or a denial without a reason.
        """
        file = read_document(path, SUITE_FILE, remedy=REMEDY)
        if isinstance(file.entities, str):
            world = {entity.uid: entity for entity in load_entities(path.parent / file.entities)}
        else:
            world = different({}, dict(file.entities))
        return cls(file.suite, path, world, file)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case, those of the matrices last."""
        return (*self.file.cases, *(case for matrix in self.file.matrix for case in cases_of(matrix)))

    def run(self, bundle: PolicyBundle) -> Iterator[Outcome]:
        """Decide every case.

        Raises:
            InputError: a case asks for nobody or nothing, or changes a value that is not there.
        """
        engine = PolicyEngine(bundle)
        for case in self.cases:
            situation = arrange(self.file, self.entities, case)
            decision = engine.decide(situation.request, situation.entities.values(), situation.now)
            yield Outcome(self.name, case, situation, decision)


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """How suites came out together.

    Attributes:
        outcomes: every case, in order.
        coverage: percentage of the bundle's policies that determined an answer, rounded down.
        unused: ids of the policies that determined none.
        thresholds: what is demanded: of each percentage, the highest that a suite names.
        equivalents: what the suites declare to be equivalent.
    """

    outcomes: tuple[Outcome, ...]
    coverage: int
    unused: tuple[str, ...]
    thresholds: Thresholds
    equivalents: tuple[Equivalent, ...]

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """The threshold for policies, if it was missed."""
        if self.coverage >= self.thresholds.policies:
            return ()
        unused = ", ".join(self.unused)
        return (f"{self.coverage}% of the policies decide a case, expected {self.thresholds.policies}%: not {unused}",)

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong, a line each."""
        return (*(outcome.message for outcome in self.outcomes if not outcome.passed), *self.shortfalls)

    @property
    def passed(self) -> bool:
        """True when nothing went wrong."""
        return not self.failures


def load_suites(folder: Path) -> tuple[Suite, ...]:
    """Read every `*.yaml` of a folder, by name.

    Raises:
        InputError: as `Suite.load`.
    """
    return tuple(Suite.load(path) for path in sorted(folder.glob("*.yaml")))


def run_suites(bundle: PolicyBundle, suites: Sequence[Suite]) -> SuiteReport:
    """Run suites on one bundle, and count the policies that any of their cases turned on.

    Raises:
        InputError: as `Suite.run`.
    """
    outcomes = tuple(outcome for suite in suites for outcome in suite.run(bundle))
    determining = {id_ for outcome in outcomes for id_ in outcome.decision.reasons}
    unused = tuple(id_ for id_ in bundle.policies if id_ not in determining)
    coverage = percent(len(bundle.policies) - len(unused), len(bundle.policies))
    demanded = [suite.file.thresholds for suite in suites]
    highest = Thresholds(
        policies=max((each.policies for each in demanded), default=0),
        atoms=max((each.atoms for each in demanded), default=0),
        mutation=max((each.mutation for each in demanded), default=0),
    )
    declared = tuple(each for suite in suites for each in suite.file.equivalents)
    return SuiteReport(outcomes, coverage, unused, highest, declared)


def percent(part: int, whole: int) -> int:
    """Return a part in percent, rounded down; of nothing, all."""
    return 100 * part // whole if whole else 100
