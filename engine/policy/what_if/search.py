"""Searching the smallest sets of changes that turn a denial into a permit."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Final

from engine.digest import JSON
from engine.policy.atoms import Atom
from engine.policy.engine import PolicyEngine
from engine.policy.explain import Explanation
from engine.policy.guard import Objection
from engine.policy.model import Entity, Request
from engine.policy.question import Question, prepare
from engine.policy.what_if.change import Change, Edit, World, apply, describe
from engine.policy.what_if.fixes import Fix, fixes
from engine.policy.what_if.reach import DIRECTORY, OWNER, PARTIES, REQUESTER, WITH_OWNER

MOST_CHANGES: Final = 4
MOST_TRIED: Final = 400
MOST_TOLD: Final = 6
_PERMITS_TRIED: Final = 3  # of those that lack least


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would allow a request that is denied.

    Attributes:
        ways: sets of changes, each tried and permitted, the smallest first; none of them contains another.
        tried: how many sets were decided.
        exhausted: whether everything within reach was tried; False if there was too much.
    """

    ways: tuple[tuple[Change, ...], ...]
    tried: int
    exhausted: bool

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON values."""
        return {
            "ways": [[describe(change) for change in way] for way in self.ways],
            "tried": self.tried,
            "exhausted": self.exhausted,
        }


def what_would_allow(
    engine: PolicyEngine, request: Request, entities: Iterable[Entity], now: datetime, *, limit: int = MOST_TOLD
) -> WhatIf:
    """Search for the smallest changes, by whom ever, that turn a denial into a permit.

    Args:
        engine: what decides.
        request: what is denied.
        entities: at least those it reaches.
        now: the clock, which stays.
        limit: how many ways to tell at most.
    """
    world = {entity.uid: entity for entity in entities}
    waiting: deque[frozenset[Change]] = deque([frozenset()])
    seen: set[frozenset[Change]] = {frozenset()}
    ways: list[frozenset[Change]] = []
    tried = 0
    while waiting and tried < MOST_TRIED and len(ways) < limit:
        changes = waiting.popleft()
        if any(way <= changes for way in ways):
            continue
        tried += 1
        further, permitted = _try(engine, changes, request, world, now)
        if permitted:
            ways.append(changes)
            continue
        fresh = [each for each in map(changes.union, further) if each not in seen and _fits(each)]
        seen.update(fresh)
        # By size, so that what is found first is smallest.
        waiting = deque(sorted([*waiting, *dict.fromkeys(fresh)], key=len))
    # What was found by other changes than it needs is no way of its own.
    minimal = [way for way in ways if not any(_permits(engine, way - {each}, request, world, now) for each in way)]
    ordered = tuple(tuple(sorted(way, key=_ease)) for way in minimal)
    easiest = tuple(sorted(ordered, key=lambda way: (len(way), [_ease(change) for change in way])))
    return WhatIf(easiest, tried, exhausted=not waiting)


def _ease(change: Change) -> tuple[int, str]:
    """What the requester can do comes first, then what others do in the ordinary course, relabelling last."""
    ranks = (REQUESTER, DIRECTORY, PARTIES, WITH_OWNER, OWNER)
    rank = ranks.index(change.who) + 1 if isinstance(change, Edit) and change.who != REQUESTER else 0
    return rank, str(describe(change))


def _fits(changes: frozenset[Change]) -> bool:
    """Say whether changes are few enough, and no two of them say different things about one value."""
    paths = [change.path for change in changes if isinstance(change, Edit) and change.operation == "set"]
    return len(changes) <= MOST_CHANGES and len(paths) == len(set(paths))


def _permits(engine: PolicyEngine, changes: Iterable[Change], request: Request, world: World, now: datetime) -> bool:
    try:
        asked, known = apply(changes, request, world)
    except ValueError:
        return False
    return engine.answer_many([(asked, known.values(), now)])[0].permitted


def _try(
    engine: PolicyEngine, changes: frozenset[Change], request: Request, world: World, now: datetime
) -> tuple[list[Fix], bool]:
    """Decide with some changes; return what could help further, and whether it is permitted now."""
    try:
        asked, known = apply(changes, request, world)
        question = prepare(engine.bundle, asked, known.values(), now)
    except (ValueError, KeyError, Objection):
        return [], False
    [verdict] = engine.answer_many([(asked, known.values(), now)])
    if verdict.permitted or verdict.failsafe is not None:
        return [], verdict.permitted
    return list(_further(question, verdict.because, now)), False


def _further(question: Question, because: Sequence[str], now: datetime) -> Iterator[Fix]:
    """Yield what could keep a forbid from applying, or let a permit apply."""
    policies = question.slice.policies
    forbids = [id_ for id_ in because if id_ in policies and policies[id_].forbids]
    told = question.explanation((*forbids, *question.slice.permits))
    if forbids:
        # One at a time: the next step looks at what is left.
        yield from _lifting(told, forbids[0], now)
        return
    nearest = sorted(question.slice.permits, key=told.distance)[:_PERMITS_TRIED]
    for id_ in nearest:
        lacking = [fixes(atom.expression, told.facts, now, wanted=atom.kind != "unless") for atom in told.unmet(id_)]
        yield from (tuple(dict.fromkeys(sum(way, ()))) for way in product(*lacking))


def _lifting(told: Explanation, id_: str, now: datetime) -> Iterator[Fix]:
    atoms = told.policies[id_].atoms
    for atom in atoms:
        if atom.kind != "unless":
            yield from fixes(atom.expression, told.facts, now, wanted=False)
    for clause in sorted({atom.clause for atom in atoms if atom.kind == "unless"}):
        lacking = [atom for atom in atoms if atom.clause == clause and told.truth[atom.id] is not True]
        yield from _together(lacking, told, now)


def _together(atoms: Sequence[Atom], told: Explanation, now: datetime) -> Iterator[Fix]:
    ways = [fixes(atom.expression, told.facts, now, wanted=True) for atom in atoms]
    yield from (tuple(dict.fromkeys(sum(way, ()))) for way in product(*ways))
