"""Policies that say the same in other words: what Cedar evaluates alike, whatever is asked."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias

from cedarpy import pst

from engine.policy.tree import conjuncts

Meaning: TypeAlias = tuple[object, ...]
"""Equal for policies that cannot be told apart by any request."""


def meaning(policy: pst.Template) -> Meaning:
    """Return what a policy says, freed from how it says it.

    The order of conditions is kept: the first one that fails, or cannot be evaluated, decides.
    """
    conditions: dict[pst.Expr, None] = {}
    for clause in policy.clauses:
        expression = _plain(clause.expr)
        asked = expression if isinstance(clause, pst.When) else _not(expression)
        conditions |= dict.fromkeys(conjuncts(asked))
    conditions.pop(pst.BoolLit(True), None)
    return (policy.effect, policy.principal, _actions(policy.action), policy.resource, tuple(conditions))


def _actions(constraint: pst.ActionConstraint) -> object:
    match constraint:
        case pst.ActionEq(entity):
            return frozenset({entity})
        case pst.ActionIn(entities):
            return frozenset(entities)
        case _:
            return constraint


def _plain(node: Any) -> Any:
    """Return an expression with `!=`, `>` and `>=` written by `!`, `==`, `<` and `<=`."""
    if isinstance(node, tuple):
        return tuple(map(_plain, node))
    if not is_dataclass(node) or isinstance(node, type):
        return node
    return _without_synonyms(replace(node, **{field.name: _plain(getattr(node, field.name)) for field in fields(node)}))


def _without_synonyms(node: Any) -> Any:
    match node:
        case pst.BinaryOp("not_eq", left, right):
            return _not(pst.BinaryOp("eq", left, right))
        case pst.BinaryOp("greater", left, right):
            return pst.BinaryOp("less", right, left)
        case pst.BinaryOp("greater_eq", left, right):
            return pst.BinaryOp("less_eq", right, left)
        case pst.UnaryOp("not", arg):
            return _not(arg)
        case _:
            return node


def _not(expression: pst.Expr) -> pst.Expr:
    match expression:
        case pst.UnaryOp("not", arg):
            return arg
        case pst.BoolLit(value):
            return pst.BoolLit(not value)
        case pst.BinaryOp("less", left, right):
            return pst.BinaryOp("less_eq", right, left)
        case pst.BinaryOp("less_eq", left, right):
            return pst.BinaryOp("less", right, left)
        case _:
            return pst.UnaryOp("not", expression)
