"""`lading policy test`: the suites of a policy folder, how much of it they test, and as what it is reported."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.digest import JSON
from engine.errors import InputError
from engine.files import write_atomic
from engine.policy.bundle import PolicyBundle
from engine.policy.model import Answer
from engine.policy.source import read_folder
from engine.policy.workbench.coverage import AtomCoverage, atom_coverage, questions
from engine.policy.workbench.junit import junit
from engine.policy.workbench.mutation import Mutants, MutationReport, mutation_report
from engine.policy.workbench.places import places_of_atoms
from engine.policy.workbench.situation import Situation
from engine.policy.workbench.suggest import suggest
from engine.policy.workbench.suite import SuiteReport, load_suites, run_suites
from engine.policy.workbench.writing import Written, write_suite
from engine.workspace.governing.decisions import recorded_decision

Progress = Callable[[dict[str, Any]], None]

_REVIEW: Final = (
    "Cases suggested by 'lading policy test --suggest', each tried. They expect what the policies answer today:",
    "read each, correct what should be otherwise, give it a better name, and move it to a suite.",
)
_RECORDED: Final = (
    "A recorded decision, written by 'lading policy test --from-decision'. It expects what was decided:",
    "correct what should have been otherwise, give it a better name, and move it to a suite.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a test run beyond the suites themselves.

    Attributes:
        coverage: whether to look which conditions the cases see both ways.
        mutation: whether to look which deliberate faults the cases notice.
        junit: where to write a JUnit report.
        suggest: where to write a suite of suggested cases; it takes what is missing from the coverage and mutation
            that are asked for, or from both.
    """

    coverage: bool = False
    mutation: bool = False
    junit: Path | None = None
    suggest: Path | None = None

    @property
    def measured(self) -> tuple[bool, bool]:
        """Whether to measure coverage, and mutation."""
        both = self.suggest is not None and not self.coverage and not self.mutation
        return self.coverage or both, self.mutation or both


@dataclass(frozen=True, slots=True)
class _Run:
    """What a test run came to."""

    bundle: PolicyBundle
    places: Mapping[str, str]
    report: SuiteReport
    coverage: AtomCoverage | None
    mutation: MutationReport | None

    def shortfalls(self) -> Iterator[str]:
        demanded = self.report.thresholds
        yield from self.report.shortfalls
        if self.coverage is not None and self.coverage.percent < demanded.atoms:
            yield f"{self.coverage.percent}% of the conditions were seen both ways, expected {demanded.atoms}%"
        if self.mutation is not None:
            if self.mutation.percent < demanded.mutation:
                yield f"{self.mutation.percent}% of the mutants were noticed, expected {demanded.mutation}%"
            yield from self.mutation.complaints


def test_policies(folder: Path, wanted: Wanted, progress: Progress) -> dict[str, JSON]:
    """Run every suite in a folder's `tests/`.

    Args:
        folder: the policies.
        wanted: what to look for beyond.
        progress: is told how far the mutants are.

    Raises:
        InputError: there is no suite, or one cannot be read.
        PolicyError: the policies have no clear meaning.
    """
    suites = load_suites(folder / "tests")
    if not suites:
        raise InputError(f"{folder / 'tests'} has no suite", remedy="Write one; samples/suite.yaml explains how.")
    bundle = PolicyBundle.as_it_stands(folder)
    report = run_suites(bundle, suites)
    asked = list(questions(bundle, report.outcomes))
    coverage, mutation = wanted.measured
    run = _Run(
        bundle,
        places_of_atoms(bundle, read_folder(folder)),
        report,
        atom_coverage(bundle, [question for _, question in asked]) if coverage else None,
        mutation_report(Mutants.of(bundle), asked, report.equivalents, _counting(progress, "mutants", "cases"))
        if mutation
        else None,
    )
    if wanted.junit is not None:
        write_atomic(wanted.junit, junit(report.outcomes, run.shortfalls()))
    told = _told(run)
    if wanted.suggest is not None:
        cases = suggest(bundle, asked, run.coverage, run.mutation, _counting(progress, "suggest", "policies"))
        if cases:
            write_atomic(wanted.suggest, write_suite("suggested", cases, _REVIEW).encode())
        told["suggested"] = len(cases)
    return told


def write_decision(home: Path, decision: str, out: Path) -> dict[str, JSON]:
    """Write a recorded decision as a suite of one case, with the entities it rested on.

    Raises:
        InputError: there is no such decision, or not everything that decided it was kept.
    """
    kept = recorded_decision(home, decision)
    if kept.lacks is not None or kept.request is None:
        raise InputError(
            f"decision {kept.id} cannot be decided again: {kept.lacks}", remedy="Read its record in the audit log."
        )
    situation = Situation(kept.request, {entity.uid: entity for entity in kept.entities or ()}, kept.now)
    answer = Answer.PERMIT if kept.permitted else Answer.DENY
    name = f"{kept.request.principal} asks to {kept.request.action}, as decision {kept.id} had it"
    written = Written(name, situation, answer, kept.because)
    write_atomic(out, write_suite(f"decision {kept.id}", [written], _RECORDED).encode())
    return {"decision": kept.id, "file": str(out), "expect": answer.value, "because": list(kept.because)}


def _counting(progress: Progress, step: str, what: str) -> Callable[[int, int], None]:
    return lambda done, total: progress({"step": step, "detail": f"{done} of {total} {what}"})


def _told(run: _Run) -> dict[str, JSON]:
    outcomes = run.report.outcomes
    passed = sum(outcome.passed for outcome in outcomes)
    wrong = [outcome.message for outcome in outcomes if not outcome.passed]
    failures = [*wrong, *run.shortfalls()]
    return {
        "ok": not failures,
        "passed": passed,
        "failed": len(outcomes) - passed,
        "policies": run.report.coverage,
        "atoms": run.coverage.percent if run.coverage else None,
        "mutation": run.mutation.percent if run.mutation else None,
        "failures": [*failures],
        "uncovered": list(_uncovered(run)),
        "survivors": list(_survivors(run)),
        "equivalents": [*_certain(run), *_same(run)],
    }


def _uncovered(run: _Run) -> Iterator[JSON]:
    for each in run.coverage.missing if run.coverage else ():
        never: list[JSON] = ["true" if value else "false" for value in each.values]
        yield {"place": run.places[each.id], "policy": each.policy, "condition": each.text, "never": never}


def _certain(run: _Run) -> Iterator[JSON]:
    for each in run.coverage.certain if run.coverage else ():
        yield {"place": run.places[each.id], "policy": each.policy, "condition": each.text, "reason": each.reason}


def _survivors(run: _Run) -> Iterator[JSON]:
    for each in run.mutation.survivors if run.mutation else ():
        place = run.bundle.policies[each.policy].place
        yield {"place": place, "policy": each.policy, "mutant": each.id, "change": each.change}


def _same(run: _Run) -> Iterator[JSON]:
    for each in run.mutation.equivalents if run.mutation else ():
        yield {
            "place": run.bundle.policies[each.mutant.policy].place,
            "policy": each.mutant.policy,
            "mutant": each.mutant.id,
            "change": each.mutant.change,
            "reason": each.reason,
            "declared": each.declared,
        }
