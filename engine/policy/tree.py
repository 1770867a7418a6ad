"""Walking the syntax trees of Cedar policies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from cedarpy import pst


def walk(node: object) -> Iterator[Any]:
    """Yield `node` and every node below it, from left to right, each before what is in it."""
    stack = [node]
    while stack:
        each = stack.pop()
        kind: Any = type(each)
        below, is_node = _read(kind)
        if is_node:
            yield each
        stack += reversed(below(each))


def children(node: object) -> Sequence[object]:
    """Return what stands directly below a node, from left to right. Cedar nests at most 100 deep."""
    kind: Any = type(node)
    below, _ = _read(kind)
    return below(node)


@cache
def _read(kind: type) -> tuple[Callable[[Any], Sequence[object]], bool]:
    """Say how to read what stands below a value of some kind, and whether that is a node. Found out once a kind."""
    if issubclass(kind, tuple):
        return (lambda value: value), False
    if issubclass(kind, Mapping):
        return (lambda value: tuple(value.values())), False
    if not is_dataclass(kind):
        return (lambda _: ()), False
    names = tuple(field.name for field in fields(kind))
    return (lambda node: [getattr(node, name) for name in names]), True


def conjuncts(expression: pst.Expr) -> tuple[pst.Expr, ...]:
    """Split `a && b && c` into its parts, in the order they are evaluated in."""
    parts: list[pst.Expr] = []
    stack: list[pst.Expr] = [expression]
    while stack:
        each = stack.pop()
        if isinstance(each, pst.BinaryOp) and each.op == "and":
            stack += [each.right, each.left]
        else:
            parts.append(each)
    return tuple(parts)


def path_of(expression: pst.Expr) -> tuple[str, ...] | None:
    """Return `("context", "agreement", "expires")` for such a chain of attributes, None for anything else."""
    names: list[str] = []
    while isinstance(expression, pst.GetAttr):
        names.append(expression.attr)
        expression = expression.base
    return (expression.name, *reversed(names)) if isinstance(expression, pst.Var) else None


def policy_set(policies: Mapping[str, pst.Template]) -> pst.PolicySet:
    """Return a set of these policies under these ids."""
    return pst.PolicySet(templates=pst.FrozenMap(), static_policies=pst.FrozenMap(policies), template_links=())
