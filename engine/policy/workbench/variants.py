"""Situations that differ from a known one in one respect that some conditions look at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from cedarpy import pst

from engine.digest import JSON, canonical, parse_json
from engine.events import timestamp
from engine.policy.closure import reference
from engine.policy.model import Entity, EntityUid
from engine.policy.question import Question
from engine.policy.tree import path_of, walk
from engine.policy.workbench.situation import Situation

Path: TypeAlias = tuple[str, ...]
"""Such as `("context", "agreement", "expires")`, or of the principal or resource, `("principal", "clearance")`."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_OTHER: Final = "something-else"
_MOST: Final = 8  # values from other cases that are tried in one place
_TIMES: Final = ("context", "now")
_ATTRIBUTE: Final = 2  # names in the path of an attribute


@dataclass(frozen=True, slots=True)
class Variant:
    """A situation, and how it came about.

    Attributes:
        situation: the situation.
        change: what is different, in a few words.
    """

    situation: Situation
    change: str


class Pool:
    """What the cases of the suites have been about: people, and values by path."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.principals: dict[EntityUid, Entity] = {}
        self._values: dict[Path, dict[bytes, None]] = {}
        for question in questions:
            self.principals.setdefault(question.request.principal, question.entities[question.request.principal])
            for path, value in _leaves(("context",), question.request.context):
                self._values.setdefault(path, {})[canonical(value)] = None
            for root, uid in (("principal", question.request.principal), ("resource", question.request.resource)):
                for name, value in question.entities[uid].attributes.items():
                    self._values.setdefault((root, name), {})[canonical(value)] = None

    def values(self, path: Path) -> Iterator[JSON]:
        """Yield the values that cases had at a path, a few at most."""
        for text in list(self._values.get(path, ()))[:_MOST]:
            yield parse_json(text, what="a value", limit=len(text))


def variants(
    situation: Situation, conditions: Sequence[pst.Expr], actions: Iterable[str], pool: Pool
) -> Iterator[Variant]:
    """Yield situations like one, with one change each.

    Args:
        situation: where to start.
        conditions: what the changes are to matter to.
        actions: what might be asked for instead.
        pool: what else there is.
    """
    request = situation.request
    for action in actions:
        if action != request.action:
            yield Variant(replace(situation, request=replace(request, action=action)), f"asked to {action}")
    for uid, entity in pool.principals.items():
        if uid != request.principal:
            known = {**situation.entities, uid: situation.entities.get(uid, entity)}
            yield Variant(Situation(replace(request, principal=uid), known, situation.now), f"asked by {uid.id}")
    yield from _memberships(situation, conditions)
    for path in dict.fromkeys(path for condition in conditions for path in _paths(condition)):
        for value in _distinct(_values(situation, path, conditions, pool), _at(situation, path)):
            changed = _set(situation, path, value)
            if changed is not None:
                yield Variant(changed, f"with {'.'.join(path)} {_worded(value)}")


def _leaves(path: Path, record: Mapping[str, JSON]) -> Iterator[tuple[Path, JSON]]:
    for name, value in record.items():
        yield (*path, name), value
        if isinstance(value, Mapping) and reference(value) is None:
            yield from _leaves((*path, name), value)


def _paths(condition: pst.Expr) -> Iterator[Path]:
    for node in walk(condition):
        path = path_of(node) if isinstance(node, pst.GetAttr) else None
        if isinstance(node, pst.HasAttr):
            base = path_of(node.base)
            path = (*base, *node.attrs) if base else None
        if path is not None and (path[0] == "context" or len(path) == _ATTRIBUTE):
            yield path


def _memberships(situation: Situation, conditions: Sequence[pst.Expr]) -> Iterator[Variant]:
    uid = situation.request.principal
    member = situation.entities.get(uid)
    if member is None:
        return
    for parent in member.parents:
        kept = tuple(each for each in member.parents if each != parent)
        yield _with_parents(situation, member, kept, f"not in {parent}")
    asked = [
        node.right for each in conditions for node in walk(each) if isinstance(node, pst.BinaryOp) and node.op == "in"
    ]
    for node in dict.fromkeys(asked):
        if isinstance(node, pst.EntityLit):
            group = EntityUid(str(node.value.type), node.value.id)
            if group not in member.parents:
                yield _with_parents(situation, member, (*member.parents, group), f"in {group}")


def _with_parents(situation: Situation, member: Entity, parents: tuple[EntityUid, ...], change: str) -> Variant:
    known = {**situation.entities, member.uid: replace(member, parents=parents)}
    for parent in parents:
        known.setdefault(parent, Entity(parent))
    return Variant(replace(situation, entities=known), f"asked by somebody {change}")


def _values(situation: Situation, path: Path, conditions: Sequence[pst.Expr], pool: Pool) -> Iterator[JSON]:
    """Yield what might stand at a path instead: what it is compared with, its neighbours, what other cases had."""
    found = _at(situation, path)
    yield from _near(found)
    named = reference(found)
    if named is not None:
        yield from [uid.reference() for uid in situation.entities if uid.type == named.type][:_MOST]
    for condition in conditions:
        for node in walk(condition):
            if isinstance(node, pst.BinaryOp):
                for side, other in ((node.left, node.right), (node.right, node.left)):
                    if path_of(side) == path:
                        yield from _compared(_value(situation, other), node.op)
    # A whole record in the place of another changes too much at once to teach anything.
    yield from (
        value for value in pool.values(path) if found is None or not isinstance(value, Mapping) or reference(value)
    )
    yield None


def _compared(value: JSON, op: str) -> Iterator[JSON]:
    """Yield what to put beside a value: the same, its neighbours, an element of it, a set of it."""
    if op in {"contains", "contains_all", "contains_any"}:
        yield from value if isinstance(value, list) else ([value],)
    else:
        yield value
        yield from _near(value)


def _near(value: JSON) -> Iterator[JSON]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (value - 1, value + 1)
        case list():
            yield []
            yield from ([each for each in value if each != left_out] for left_out in value)
            if all(isinstance(each, str) for each in value):
                yield [*value, _OTHER]
        case str() if (when := _moment(value)) is not None:
            yield from (timestamp(when - _MILLISECOND), timestamp(when + _MILLISECOND))
        case str():
            yield _OTHER
        case {"__extn": {"fn": "datetime", "arg": str(text)}}:
            yield from _near(text)


def _moment(text: JSON) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _value(situation: Situation, node: pst.Expr) -> JSON:
    match node:
        case pst.BoolLit(value) | pst.LongLit(value) | pst.StringLit(value):
            return value
        case pst.EntityLit(uid):
            return EntityUid(str(uid.type), uid.id).reference()
        case pst.Set(elements):
            return [_value(situation, each) for each in elements]
        case pst.UnaryOp("datetime", pst.StringLit(text)):
            return text
    path = path_of(node)
    return _at(situation, path) if path else None


def _at(situation: Situation, path: Path) -> JSON:
    root, *names = path
    if path == _TIMES:
        return timestamp(situation.now)
    if not names:
        uid = {"principal": situation.request.principal, "resource": situation.request.resource}.get(root)
        return uid.reference() if uid else None
    value: JSON = situation.request.context if root == "context" else _attributes(situation, root)
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _attributes(situation: Situation, root: str) -> dict[str, JSON]:
    uid = situation.request.principal if root == "principal" else situation.request.resource
    return dict(situation.entities[uid].attributes) if uid in situation.entities else {}


def _set(situation: Situation, path: Path, value: JSON) -> Situation | None:
    """Return the situation with one value set, or None where that is not possible."""
    root, *outer, last = path
    if path == _TIMES:
        when = _moment(value)
        return replace(situation, now=when) if when else None
    record = deepcopy(dict(situation.request.context)) if root == "context" else _attributes(situation, root)
    values: JSON = record
    for name in outer:
        values = values.get(name) if isinstance(values, dict) else None
    if not isinstance(values, dict):
        return None
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value
    if root == "context":
        return replace(situation, request=replace(situation.request, context=record))
    uid = situation.request.principal if root == "principal" else situation.request.resource
    if uid not in situation.entities:
        return None
    known = {**situation.entities, uid: replace(situation.entities[uid], attributes=record)}
    return replace(situation, entities=known)


def _distinct(values: Iterable[JSON], but: JSON) -> Iterator[JSON]:
    seen = {canonical(but)}
    for value in values:
        text = canonical(value)
        if text not in seen:
            seen.add(text)
            yield value


def _worded(value: JSON) -> str:
    uid = reference(value)
    if uid is not None:
        return uid.id
    if isinstance(value, Mapping):
        return "as in another case"
    return "left out" if value is None else canonical(value).decode()
