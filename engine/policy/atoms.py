"""Policies split into their single conditions, so that one extra question to Cedar tells which of them hold.

Each condition becomes a permit of its own in a *probe set*. Asking about the same request, Cedar names the probes
that are true and the ones that cannot be evaluated; the rest are false.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from cedarpy import PolicySet, pst

from engine.policy.tree import conjuncts, policy_set
from engine.policy.wording import condition_text

Kind: TypeAlias = Literal["scope", "when", "unless"]

_ANY: Final = pst.ScopeAny()


@dataclass(frozen=True, slots=True)
class Atom:
    """One condition of a policy.

    Attributes:
        id: `policy#number`, the probe's id.
        policy: the id of the policy.
        kind: where it stands. A policy applies when all of scope and `when` hold, and not all of an `unless`.
        clause: which clause of the policy it belongs to; -1 for the scope.
        expression: the condition.
        text: the condition as Cedar text.
    """

    id: str
    policy: str
    kind: Kind
    clause: int
    expression: pst.Expr
    text: str


def atoms_of(policy: pst.Template) -> tuple[Atom, ...]:
    """Split a policy with an `ActionIn`, `ActionEq` or any action; the action itself is left to the slice."""
    return tuple(
        Atom(f"{policy.id}#{number}", policy.id, kind, clause, expression, condition_text(expression))
        for number, (kind, clause, expression) in enumerate(_split(policy))
    )


def probe_set(atoms: Iterable[Atom]) -> PolicySet:
    """Return the set that holds every atom as a permit under its id."""
    return PolicySet.from_pst(policy_set({atom.id: _probe(atom) for atom in atoms}))


def of_applied(atoms: Iterable[Atom]) -> dict[str, bool] | None:
    """Return how the conditions of a policy that applied came out, or None if that does not follow.

    All of scope and `when` held. Of an `unless` something did not: which, follows if it is a single condition.
    """
    truth: dict[str, bool] = {}
    excuses: set[int] = set()
    for atom in atoms:
        truth[atom.id] = atom.kind != "unless"
        if atom.kind == "unless":
            if atom.clause in excuses:
                return None
            excuses.add(atom.clause)
    return truth


def _probe(atom: Atom) -> pst.Template:
    return pst.Template(atom.id, "permit", _ANY, _ANY, _ANY, (pst.When(atom.expression),), pst.FrozenMap())


def _split(policy: pst.Template) -> Iterator[tuple[Kind, int, pst.Expr]]:
    scope = (*_scope(pst.Var("principal"), policy.principal), *_scope(pst.Var("resource"), policy.resource))
    for expression in scope:
        yield "scope", -1, expression
    for number, clause in enumerate(policy.clauses):
        kind: Kind = "when" if isinstance(clause, pst.When) else "unless"
        for expression in conjuncts(clause.expr):
            yield kind, number, expression


def _scope(variable: pst.Var, constraint: pst.PrincipalOrResourceConstraint) -> Iterator[pst.Expr]:
    match constraint:
        case pst.ScopeEq(pst.EntityUid() as entity):
            yield pst.BinaryOp("eq", variable, pst.EntityLit(entity))
        case pst.ScopeIn(pst.EntityUid() as entity):
            yield pst.BinaryOp("in", variable, pst.EntityLit(entity))
        case pst.ScopeIs(entity_type):
            yield pst.Is(variable, entity_type, None)
        case pst.ScopeIsIn(entity_type, pst.EntityUid() as entity):
            yield pst.Is(variable, entity_type, None)
            yield pst.BinaryOp("in", variable, pst.EntityLit(entity))
