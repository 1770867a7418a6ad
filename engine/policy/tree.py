"""Walking the syntax trees of Cedar policies."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cedarpy import pst


def walk(node: object) -> Iterator[Any]:
    """Yield `node` and every node below it, from left to right, each before what is in it."""
    if is_dataclass(node):
        yield node
    for child in children(node):
        yield from walk(child)


def children(node: object) -> Iterator[object]:
    """Yield what stands directly below a node, from left to right. Cedar nests at most 100 deep."""
    if isinstance(node, tuple):
        yield from node
    elif isinstance(node, Mapping):
        yield from node.values()
    elif is_dataclass(node):
        yield from (getattr(node, field.name) for field in fields(node))


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
