"""Deliberate faults in a policy, one at a time, by fixed operators.

    effect      permit becomes forbid and the other way round; the policy is removed
    scope       the condition on principal, resource or action is dropped; an action is left out
    clause      a `when` or `unless` is dropped, or becomes the other
    atom        a part of `a && b` or `a || b` is dropped; a condition is negated
    comparison  < and <=, > and >=, == and !=, && and ||, containsAll and containsAny are exchanged
    constant    a number or a moment is moved by one, a text is altered, true and false are exchanged

INVARIANT: a mutant's id is derived from its policy, its operator and its change, and so never comes to mean another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from cedarpy import pst

from engine.digest import canonical, sha256
from engine.events import timestamp
from engine.policy.actions import ACTION
from engine.policy.atoms import Atom
from engine.policy.bundle import Policy
from engine.policy.wording import condition_text

Operator: TypeAlias = Literal["effect", "scope", "clause", "atom", "comparison", "constant"]
Rewrite: TypeAlias = tuple[Operator, str, Any]
"""An operator, what it changed in a few words, and the whole expression after the change somewhere within."""

_EXCHANGED: Final[dict[str, str]] = {
    "less": "less_eq",
    "less_eq": "less",
    "greater": "greater_eq",
    "greater_eq": "greater",
    "eq": "not_eq",
    "not_eq": "eq",
    "contains_all": "contains_any",
    "contains_any": "contains_all",
    "decimal_less_than": "decimal_less_eq",
    "decimal_less_eq": "decimal_less_than",
    "decimal_greater": "decimal_greater_eq",
    "decimal_greater_eq": "decimal_greater",
}
_OTHER: Final[dict[str, str]] = {"and": "or", "or": "and"}
_PARSED: Final = frozenset({"ip", "decimal", "duration"})  # a text that was altered would not be one any more
_EXPRESSIONS: Final = (
    pst.UnaryOp | pst.BinaryOp | pst.GetAttr | pst.HasAttr | pst.Like | pst.Is | pst.IfThenElse | pst.Set
    | pst.LongLit | pst.StringLit | pst.BoolLit
)  # fmt: skip
_MARK: Final = "~"
_LARGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy with one fault.

    Attributes:
        policy: the policy's id.
        id: the mutant's id among those of its policy, such as `comparison-1f0c2d9a`.
        change: the fault in a few words, such as `a < b becomes a <= b`.
        node: the tree of the faulty policy; None if it is removed altogether.
        dropped: the atom it lacks, where that is all.
    """

    policy: str
    id: str
    change: str
    node: pst.Template | None
    dropped: str | None = None


def mutants_of(policy: Policy, askable: frozenset[str]) -> Iterator[Mutant]:
    """Yield every mutant of a policy.

    Args:
        policy: the policy.
        askable: the actions that a request can ask for; leaving out another one is no fault.
    """
    yield from _effects(policy)
    yield from _people_and_things(policy)
    yield from _actions(policy, askable)
    for number, clause in enumerate(policy.node.clauses):
        yield from _clause(policy, number, clause)


def _mutant(policy: Policy, operator: Operator, change: str, node: pst.Template | None, *, where: str = "") -> Mutant:
    """Make a mutant; `where` tells changes apart that read the same and stand in different places."""
    named = canonical([policy.id, operator, where, change])
    return Mutant(policy.id, f"{operator}-{sha256(named)[:8]}", change, node)


def _effects(policy: Policy) -> Iterator[Mutant]:
    other: Literal["permit", "forbid"] = "permit" if policy.forbids else "forbid"
    yield _mutant(policy, "effect", f"{policy.node.effect} becomes {other}", replace(policy.node, effect=other))
    yield _mutant(policy, "effect", f"without the {policy.node.effect}", None)


def _people_and_things(policy: Policy) -> Iterator[Mutant]:
    for part in ("principal", "resource"):
        atoms = [atom for atom in policy.atoms if atom.kind == "scope" and _is_about(atom.expression, part)]
        for weaker, dropped in _weaker(getattr(policy.node, part), atoms):
            change = f"without {' && '.join(atom.text for atom in dropped)}"
            mutant = _mutant(policy, "scope", change, _with(policy.node, **{part: weaker}))
            yield replace(mutant, dropped=dropped[0].id) if len(dropped) == 1 else mutant


def _with(node: Any, **changes: Any) -> Any:
    """Return a node with other fields; which ones and of what type is known only when it runs."""
    return replace(node, **changes)


def _weaker(
    constraint: pst.PrincipalOrResourceConstraint, atoms: Sequence[Atom]
) -> Iterator[tuple[pst.PrincipalOrResourceConstraint, Sequence[Atom]]]:
    match constraint:
        case pst.ScopeAny():
            return
        case pst.ScopeIsIn(entity_type, entity):
            yield pst.ScopeIn(entity), atoms[:1]
            yield pst.ScopeIs(entity_type), atoms[1:]
            yield pst.ScopeAny(), atoms
        case _:
            yield pst.ScopeAny(), atoms


def _is_about(expression: pst.Expr, variable: str) -> bool:
    match expression:
        case pst.BinaryOp(_, pst.Var(name), _) | pst.Is(pst.Var(name), _, _):
            return name == variable
        case _:
            return False


def _actions(policy: Policy, askable: frozenset[str]) -> Iterator[Mutant]:
    if isinstance(policy.node.action, pst.ScopeAny):
        return
    named = sorted(policy.actions & askable)
    change = f"without action in [{', '.join(named)}]"
    yield _mutant(policy, "scope", change, replace(policy.node, action=pst.ScopeAny()))
    if len(named) > 1:
        for left_out in named:
            kept = tuple(pst.EntityUid(ACTION, each) for each in named if each != left_out)
            yield _mutant(
                policy, "scope", f"without action {left_out}", replace(policy.node, action=pst.ActionIn(kept))
            )


def _clause(policy: Policy, number: int, clause: pst.Clause) -> Iterator[Mutant]:
    node, where = policy.node, f"clause {number}"
    before, after = node.clauses[:number], node.clauses[number + 1 :]
    atoms = [atom for atom in policy.atoms if atom.clause == number]
    word, other = ("when", "unless") if isinstance(clause, pst.When) else ("unless", "when")
    told = condition_text(clause.expr)
    without = _mutant(
        policy, "clause", f"without {word} {{ {told} }}", replace(node, clauses=(*before, *after)), where=where
    )
    yield replace(without, dropped=atoms[0].id) if len(atoms) == 1 and word == "when" else without
    turned = pst.Unless(clause.expr) if isinstance(clause, pst.When) else pst.When(clause.expr)
    change = f"{word} {{ {told} }} becomes {other}"
    yield _mutant(policy, "clause", change, replace(node, clauses=(*before, turned, *after)), where=where)
    for operator, change, expression in _faults(clause.expr):
        faulty = replace(node, clauses=(*before, replace(clause, expr=expression), *after))
        # The whole clause as it becomes, because the same words may stand in it twice.
        mutant = _mutant(policy, operator, change, faulty, where=f"{where} {condition_text(expression)}")
        yield replace(mutant, dropped=_lacking(atoms, expression)) if operator == "atom" else mutant


def _lacking(atoms: Sequence[Atom], expression: pst.Expr) -> str | None:
    """Return the one atom that a clause lost, if that is all that happened to it."""
    left = operands(expression, "and")
    for number, atom in enumerate(atoms):
        if left == tuple(each.expression for each in (*atoms[:number], *atoms[number + 1 :])):
            return atom.id
    return None


def _faults(expression: pst.Expr) -> Iterator[Rewrite]:
    """Yield the faults within a whole clause; negating all of it is the clause's own affair."""
    match expression:
        case pst.BinaryOp("and" | "or" as op):
            yield from _of_chain(op, operands(expression, op))
        case pst.UnaryOp("not", arg):
            yield from ((operator, told, pst.UnaryOp("not", changed)) for operator, told, changed in _faults(arg))
        case _:
            yield from _within(expression)


def _of_condition(expression: pst.Expr) -> Iterator[Rewrite]:
    """Yield the faults of a condition that stands beside others."""
    match expression:
        case pst.UnaryOp("not", arg):
            yield "atom", _becomes(expression, arg), arg
        case pst.BinaryOp("eq" | "not_eq"):
            pass  # exchanged below, which is the same
        case _:
            negated = pst.UnaryOp("not", expression)
            yield "atom", _becomes(expression, negated), negated
    yield from _faults(expression)


def _of_chain(op: str, parts: Sequence[pst.Expr]) -> Iterator[Rewrite]:
    sign, other_sign = ("&&", "||") if op == "and" else ("||", "&&")
    for number, part in enumerate(parts):
        before, after = parts[:number], parts[number + 1 :]
        yield "atom", f"without {condition_text(part)}", _joined(op, (*before, *after))
        if number:
            exchanged = _joined(_OTHER[op], (_joined(op, before), _joined(op, parts[number:])))
            yield "comparison", f"{sign} before {condition_text(part)} becomes {other_sign}", exchanged
        for operator, told, changed in _of_condition(part):
            yield operator, told, _joined(op, (*before, changed, *after))


def operands(expression: pst.Expr, op: str) -> tuple[pst.Expr, ...]:
    """Split a chain of `&&` or `||` into its parts, from left to right."""
    if isinstance(expression, pst.BinaryOp) and expression.op == op:
        return (*operands(expression.left, op), *operands(expression.right, op))
    return (expression,)


def _joined(op: Any, parts: Sequence[pst.Expr]) -> pst.Expr:
    first, *rest = parts
    for part in rest:
        first = pst.BinaryOp(op, first, part)
    return first


def _within(node: Any) -> Iterator[Rewrite]:
    """Yield the faults of a node that is no chain of conditions, and of everything in it."""
    match node:
        case pst.BinaryOp("and" | "or") | pst.UnaryOp("not"):
            yield from _faults(node)
            return
        case pst.UnaryOp(op, pst.StringLit()) if op in _PARSED:
            return
        case pst.UnaryOp("datetime", pst.StringLit(text)):
            moved = [replace(node, arg=pst.StringLit(each)) for each in _moved(text)]
            yield from (("constant", _becomes(node, each), each) for each in moved)
            return
        case pst.BinaryOp(op) if op in _EXCHANGED:
            exchanged = _with(node, op=_EXCHANGED[op])
            yield "comparison", _becomes(node, exchanged), exchanged
        case pst.LongLit() | pst.StringLit() | pst.BoolLit() | pst.Like():
            yield from (("constant", _becomes(node, each), each) for each in _constants(node))
    for field in fields(node):
        yield from _below(node, field.name)


def _below(node: Any, field: str) -> Iterator[Rewrite]:
    value = getattr(node, field)
    many = value if isinstance(value, tuple) else (value,)
    for number, each in enumerate(many):
        if isinstance(each, _EXPRESSIONS):
            for operator, told, changed in _within(each):
                inside = (*many[:number], changed, *many[number + 1 :]) if isinstance(value, tuple) else changed
                yield operator, told, replace(node, **{field: inside})


def _constants(node: pst.LongLit | pst.StringLit | pst.BoolLit | pst.Like) -> Iterator[pst.Expr]:
    match node:
        case pst.BoolLit(value):
            yield pst.BoolLit(not value)
        case pst.LongLit(value):
            yield from (pst.LongLit(each) for each in (value - 1, value + 1) if _SMALLEST <= each <= _LARGEST)
        case pst.StringLit(value):
            yield pst.StringLit(value + _MARK)
        case pst.Like(base, pattern):
            yield pst.Like(base, (*pattern, pst.Char(_MARK)))


def _becomes(before: pst.Expr, after: pst.Expr) -> str:
    return f"{condition_text(before)} becomes {condition_text(after)}"


def _moved(text: str) -> Iterator[str]:
    """Yield a moment a millisecond before and after; nothing for what does not fit into years of four digits."""
    try:
        moment = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z").astimezone(UTC)
    except (ValueError, OverflowError):
        return
    for step in (-1, 1):
        try:
            yield timestamp(moment + timedelta(milliseconds=step))
        except OverflowError:
            continue
