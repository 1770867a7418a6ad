"""`lading policy test`: the suites of a policy folder, how much of it they test, and as what it is reported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.digest import JSON
from engine.errors import InputError
from engine.files import write_atomic
from engine.policy.bundle import PolicyBundle
from engine.policy.source import read_folder
from engine.policy.workbench.coverage import AtomCoverage, atom_coverage, questions
from engine.policy.workbench.junit import junit
from engine.policy.workbench.places import places_of_atoms
from engine.policy.workbench.suite import SuiteReport, load_suites, run_suites


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a test run beyond the suites themselves.

    Attributes:
        coverage: whether to look which conditions the cases see both ways.
        junit: where to write a JUnit report.
    """

    coverage: bool = False
    junit: Path | None = None


def test_policies(folder: Path, wanted: Wanted) -> dict[str, JSON]:
    """Run every suite in a folder's `tests/`.

    Raises:
        InputError: there is no suite, or one cannot be read.
        PolicyError: the policies do not load.
    """
    suites = load_suites(folder / "tests")
    if not suites:
        raise InputError(f"{folder / 'tests'} has no suite", remedy="Write one; samples/suite.yaml explains how.")
    bundle = PolicyBundle.as_it_stands(folder)
    report = run_suites(bundle, suites)
    coverage = None
    if wanted.coverage:
        coverage = atom_coverage(bundle, [question for _, question in questions(bundle, report.outcomes)])
    shortfalls = [*report.shortfalls, *_short_of_atoms(report, coverage)]
    if wanted.junit is not None:
        write_atomic(wanted.junit, junit(report.outcomes, shortfalls))
    return _told(report, coverage, shortfalls, _places(bundle, folder, coverage))


def _short_of_atoms(report: SuiteReport, coverage: AtomCoverage | None) -> Iterator[str]:
    if coverage is not None and coverage.percent < report.thresholds.atoms:
        yield f"{coverage.percent}% of the conditions were seen both ways, expected {report.thresholds.atoms}%"


def _places(bundle: PolicyBundle, folder: Path, coverage: AtomCoverage | None) -> Mapping[str, str]:
    return {} if coverage is None else places_of_atoms(bundle, read_folder(folder))


def _told(
    report: SuiteReport, coverage: AtomCoverage | None, shortfalls: list[str], places: Mapping[str, str]
) -> dict[str, JSON]:
    passed = sum(outcome.passed for outcome in report.outcomes)
    wrong = [outcome.message for outcome in report.outcomes if not outcome.passed]
    missing = coverage.missing if coverage else ()
    certain = coverage.certain if coverage else ()
    return {
        "ok": not wrong and not shortfalls,
        "passed": passed,
        "failed": len(report.outcomes) - passed,
        "policies": report.coverage,
        "atoms": coverage.percent if coverage else None,
        "mutation": None,
        "failures": [*wrong, *shortfalls],
        "uncovered": [{"place": places[each.id], **each.to_json()} for each in missing],
        "survivors": [],
        "equivalents": [{"place": places[each.id], **each.to_json()} for each in certain],
    }
