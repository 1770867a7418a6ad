"""How fast a bundle decides the cases of its own suites, in CPU time: a busy machine says the same as an idle one."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.digest import JSON
from engine.errors import InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.workbench.situation import Situation
from engine.policy.workbench.suite import load_suites, run_suites

LOADS: Final = 5
WARM: Final = 2  # rounds before the first that counts

_MICRO: Final = 1000  # nanoseconds
_MILLI: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took.

    Attributes:
        count: how often it was measured.
        p50: the median, in microseconds of CPU time.
        p99: what all but one in a hundred stay below or meet.
    """

    count: int
    p50: float
    p99: float

    @classmethod
    def of(cls, taken: Iterable[int]) -> "Spread":
        """Take measurements in nanoseconds."""
        ordered = sorted(taken)
        return cls(len(ordered), _rank(ordered, 0.5) / _MICRO, _rank(ordered, 0.99) / _MICRO)

    def to_json(self) -> dict[str, JSON]:
        """Return the figures as JSON values."""
        return {"count": self.count, "p50_us": round(self.p50, 1), "p99_us": round(self.p99, 1)}


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast a bundle is.

    Attributes:
        policies: how many it has.
        cases: how many cases were decided in each round.
        load: the median CPU time of loading it strictly, in milliseconds.
        decide: a decision with its record; denials with what made them.
        explain: a decision with every condition of every policy.
        together: decisions in a second of CPU time when all cases are asked at once, without records.
    """

    policies: int
    cases: int
    load: float
    decide: Spread
    explain: Spread
    together: float

    def to_json(self) -> dict[str, JSON]:
        """Return the figures as JSON values."""
        return {
            "policies": self.policies,
            "cases": self.cases,
            "load_ms": round(self.load, 1),
            "decide": self.decide.to_json(),
            "explain": self.explain.to_json(),
            "together_per_second": round(self.together),
        }


def measure(folder: Path, rounds: int, seen: Callable[[int, int], None] = lambda _done, _all: None) -> Timing:
    """Measure a policy folder on the suites in its `tests/`.

    Args:
        folder: the policies.
        rounds: how often each case is decided.
        seen: told how many rounds are done, of how many.

    Raises:
        PolicyError: the policies do not load.
        InputError: there is no suite, or one is not what it should be.
    """
    suites = load_suites(folder / "tests")
    if not suites:
        raise InputError(f"{folder / 'tests'} has no suite", remedy="Write one; samples/suite.yaml explains how.")
    loads = [_taken(lambda: PolicyBundle.load(folder)) for _ in range(LOADS)]
    bundle = PolicyBundle.load(folder)
    asked = [outcome.situation for outcome in run_suites(bundle, suites).outcomes]
    engine = PolicyEngine(bundle)
    decided: list[int] = []
    explained: list[int] = []
    for number in range(WARM + rounds):
        decides = [_decided(engine, each) for each in asked]
        explains = [_explained(engine, each) for each in asked]
        if number >= WARM:
            decided += decides
            explained += explains
        seen(number + 1, WARM + rounds)
    return Timing(
        policies=len(bundle.policies),
        cases=len(asked),
        load=_rank(sorted(loads), 0.5) / _MILLI,
        decide=Spread.of(decided),
        explain=Spread.of(explained),
        together=_together(engine, asked, rounds),
    )


def _decided(engine: PolicyEngine, asked: Situation) -> int:
    return _taken(lambda: engine.decide(asked.request, asked.entities.values(), asked.now))


def _explained(engine: PolicyEngine, asked: Situation) -> int:
    return _taken(lambda: engine.explain(asked.request, asked.entities.values(), asked.now))


def _together(engine: PolicyEngine, asked: Sequence[Situation], rounds: int) -> float:
    questions = [(each.request, tuple(each.entities.values()), each.now) for each in asked] * rounds
    spent = _taken(lambda: engine.answer_many(questions))
    return len(questions) / max(spent, 1) * 1000 * _MILLI


def _taken(call: Callable[[], object]) -> int:
    before = time.process_time_ns()
    call()
    return time.process_time_ns() - before


def _rank(ordered: Sequence[int], share: float) -> int:
    """Return the value that this share of all stays below or meets (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
