"""Measuring a bundle on its own suites. What it says about speed is not asserted; what it measures is."""

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.policy.workbench.timing import Spread, measure
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import PERMIT_ALL

SUITE = """
suite: small
now: 2026-06-01T12:00:00Z
entities: world.json
defaults: {request: {principal: "User::ada", action: read, resource: "Doc::plan"}}
cases:
  - {name: ada reads, expect: permit}
  - {name: zoe does not, request: {principal: "User::zoe"}, expect: deny, because: [dangling-reference]}
"""
WORLD = """[
  {"uid": {"type": "User", "id": "ada"}, "attrs": {"level": 1}},
  {"uid": {"type": "Doc", "id": "plan"}, "attrs": {"owner": {"type": "User", "id": "ada"}, "title": "Plan"}}
]"""


def with_suite(folder: Folder) -> Path:
    return folder(PERMIT_ALL, files={"tests/small.yaml": SUITE, "tests/world.json": WORLD})


def test_every_case_is_decided_and_explained_in_every_round(folder: Folder) -> None:
    told: list[tuple[int, int]] = []
    timing = measure(with_suite(folder), 3, lambda done, total: told.append((done, total)))
    assert (timing.policies, timing.cases, timing.decide.count, timing.explain.count) == (1, 2, 6, 6)
    assert told == [(number, 5) for number in range(1, 6)]
    assert 0 < timing.decide.p50 <= timing.decide.p99
    assert timing.load > 0
    assert timing.together > 0


def test_percentiles_are_nearest_ranks_in_microseconds() -> None:
    spread = Spread.of([1000 * number for number in range(200, 0, -1)])
    assert spread.to_json() == {"count": 200, "p50_us": 100.0, "p99_us": 198.0}
    assert Spread.of([5000]).to_json() == {"count": 1, "p50_us": 5.0, "p99_us": 5.0}


def test_without_suites_there_is_nothing_to_measure(folder: Folder) -> None:
    with pytest.raises(InputError, match="has no suite"):
        measure(folder(PERMIT_ALL), 1)
