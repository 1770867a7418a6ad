"""The changes that would make one condition come out differently."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, TypeAlias

from cedarpy import pst

from engine.digest import JSON
from engine.policy.model import moment
from engine.policy.tree import path_of, walk
from engine.policy.values import Facts
from engine.policy.what_if.change import Change, Edit, Operation
from engine.policy.what_if.reach import ACTS, EDITABLE

Fix: TypeAlias = tuple[Change, ...]
"""Changes that together make a condition come out as wanted."""

_MOST: Final = 24  # fixes of one condition
_FLIPPED: Final = {"less": "greater", "less_eq": "greater_eq", "greater": "less", "greater_eq": "less_eq"}
_OPPOSITE: Final = {"less": "greater_eq", "less_eq": "greater", "greater": "less_eq", "greater_eq": "less"}


def fixes(condition: pst.Expr, facts: Facts, now: datetime, *, wanted: bool) -> tuple[Fix, ...]:
    """Return what could make a condition true, or false; whether it does is to be tried.

    Args:
        condition: the condition, which comes out the other way now.
        facts: what it looks at.
        now: the clock, which nothing changes.
        wanted: how it is to come out.
    """
    return _distinct(_Fixer(facts, now).fix(condition, wanted))


class _Fixer:
    def __init__(self, facts: Facts, now: datetime) -> None:
        self._facts = facts
        self._now = now

    def fix(self, node: pst.Expr, wanted: bool) -> Iterator[Fix]:  # noqa: FBT001 - the truth that is wanted
        yield from self._acts(node)
        match node:
            case pst.UnaryOp("not", inner):
                yield from self.fix(inner, not wanted)
            case pst.BinaryOp("and" | "or" as op, left, right):
                yield from self._both(left, right, wanted, together=wanted is (op == "and"))
            case pst.GetAttr():
                yield from self._set(node, wanted)
            case pst.HasAttr():
                yield from self._presence(node, wanted)
            case pst.BinaryOp("eq" | "not_eq" as op, left, right) if wanted is (op == "eq"):
                yield from self._set(left, self._facts.value_of(right))
                yield from self._set(right, self._facts.value_of(left))
            case pst.BinaryOp("less" | "less_eq" | "greater" | "greater_eq" as op, left, right):
                yield from self._order(op if wanted else _OPPOSITE[op], left, right)
            case pst.BinaryOp("contains", left, right):
                yield from self._member(left, right, wanted)
            case pst.BinaryOp("in", pst.Var("principal"), right) if wanted:
                yield from self._join(right)
            case pst.Is(pst.Var("principal"), _, pst.EntityLit() as group) if wanted:
                yield from self._join(group)

    def _acts(self, node: pst.Expr) -> Iterator[Fix]:
        touched = {".".join(path) for each in walk(node) if (path := _path(each)) is not None}
        yield from ((act,) for act in ACTS if act.touches & touched)

    def _both(self, left: pst.Expr, right: pst.Expr, wanted: bool, *, together: bool) -> Iterator[Fix]:  # noqa: FBT001
        sides = [tuple(self.fix(side, wanted)) for side in (left, right)]
        if together:
            # One side may be as wanted already; trying shows whether it is.
            yield from sides[0]
            yield from sides[1]
            yield from ((*one, *other) for one, other in product(*sides))
        else:
            yield from (*sides[0], *sides[1])

    def _presence(self, node: pst.HasAttr, wanted: bool) -> Iterator[Fix]:  # noqa: FBT001
        if not wanted and len(node.attrs) == 1:
            yield from self._edit("set", pst.GetAttr(node.base, node.attrs[0]), None)
        elif ".".join(_path(node) or ()) in EDITABLE:
            yield ()  # what is asked of the value beside it will put one there

    def _order(self, op: str, left: pst.Expr, right: pst.Expr) -> Iterator[Fix]:
        """Set the one side just so that `left op right` holds."""
        for side, other, relation in ((left, right, op), (right, left, _FLIPPED[op])):
            limit = self._facts.value_of(other)
            step = {"less": -1, "greater": 1}.get(relation, 0)
            if isinstance(limit, bool):
                continue
            if isinstance(limit, int):
                yield from self._set(side, limit + step)
            elif (when := self._moment(other, limit)) is not None:
                later = relation.startswith("greater")
                yield from self._set(side, moment(when + timedelta(days=1 if later else -1) * abs(step or 1)))

    def _moment(self, node: pst.Expr, value: JSON) -> datetime | None:
        if _path(node) == ("context", "now"):
            return self._now
        text = value["__extn"]["arg"] if isinstance(value, dict) and "__extn" in value else value
        try:
            return datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            return None

    def _member(self, left: pst.Expr, right: pst.Expr, wanted: bool) -> Iterator[Fix]:  # noqa: FBT001
        element, values = self._facts.value_of(right), self._facts.value_of(left)
        yield from self._edit("add" if wanted else "remove", left, element)
        if wanted and isinstance(values, list):
            for each in values:
                yield from self._set(right, each)

    def _join(self, group: pst.Expr) -> Iterator[Fix]:
        value = self._facts.value_of(group)
        if "principal in" in EDITABLE and value is not None:
            yield (Edit("join", "principal in", json.dumps(value), EDITABLE["principal in"]),)

    def _set(self, node: pst.Expr, value: JSON) -> Iterator[Fix]:
        if value is not None:
            yield from self._edit("set", node, value)

    def _edit(self, operation: Operation, node: pst.Expr, value: JSON) -> Iterator[Fix]:
        path = ".".join(_path(node) or ())
        who = EDITABLE.get(path)
        if who is not None and (value is not None or operation == "set"):
            yield (Edit(operation, path, json.dumps(value, sort_keys=True), who),)


def _path(node: Any) -> tuple[str, ...] | None:
    if isinstance(node, pst.HasAttr):
        base = path_of(node.base)
        return (*base, *node.attrs) if base else None
    return path_of(node) if isinstance(node, pst.GetAttr) else None


def _distinct(found: Iterator[Fix]) -> tuple[Fix, ...]:
    return tuple(dict.fromkeys(found))[:_MOST]
