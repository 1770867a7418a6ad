"""What the schema alone decides: conditions that no request can make true, or false.

The validator checks no clause that cannot be reached. So each question to it is a policy whose last clause is
certainly wrong: whoever passes with it never gets there.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cedarpy import PolicySet, Schema, pst, validate_policies

from engine.policy.actions import ACTION
from engine.policy.atoms import Atom
from engine.policy.bundle import Policy
from engine.policy.tree import conjuncts, policy_set

_ANY: Final = pst.ScopeAny()
_WRONG: Final = pst.When(pst.GetAttr(pst.Var("principal"), "ladingLooksForAnAttributeThatNoEntityHas"))
_NUMBERED: Final = re.compile(r"policy(\d+)")
_BATCH: Final = 500  # policies validated at once


def refusals(policies: Sequence[pst.Template], schema: Schema) -> dict[int, str]:
    """Return why strict validation refuses policies, by their position; those it accepts are left out."""
    refused: dict[int, str] = {}
    for start in range(0, len(policies), _BATCH):
        batch = policies[start : start + _BATCH]
        result = validate_policies("\n".join(map(_text, batch)), schema)
        for error in result.errors:
            numbered = _NUMBERED.fullmatch(error.policy_id)
            if numbered is None:
                raise ValueError(f"the validator speaks of {error.policy_id}, expected a number: {error.error}")
            said = error.error.removeprefix(f"for policy `{error.policy_id}`, ")
            refused.setdefault(start + int(numbered[1]), said)
    return refused


def certain_atoms(policies: Iterable[Policy], schema: Schema) -> dict[str, bool]:
    """Return the conditions that have the same value for every request, by atom id, with that value."""
    atoms = [(policy, atom) for policy in policies for atom in policy.atoms]
    asked = [_reaching(policy, atom, expression) for policy, atom in atoms for expression in _both(atom.expression)]
    reached = refusals(asked, schema)
    certain = {}
    for number, (_, atom) in enumerate(atoms):
        can_be_true, can_be_false = 2 * number in reached, 2 * number + 1 in reached
        if can_be_true != can_be_false:
            certain[atom.id] = can_be_true
    return certain


def askable(actions: Iterable[str], schema: Schema) -> frozenset[str]:
    """Return the actions that a request can ask for: all but groups."""
    named = tuple(actions)
    everybody = [
        pst.Template("asked", "permit", _ANY, pst.ActionEq(pst.EntityUid(ACTION, each)), _ANY, (), pst.FrozenMap())
        for each in named
    ]
    refused = refusals(everybody, schema)
    return frozenset(action for number, action in enumerate(named) if number not in refused)


def _both(expression: pst.Expr) -> tuple[pst.Expr, pst.Expr]:
    return expression, pst.UnaryOp("not", expression)


def _reaching(policy: Policy, atom: Atom, expression: pst.Expr) -> pst.Template:
    """Return the policy up to an atom, with `expression` in the atom's place and then the wrong clause.

    What stands before the atom stays: `has` lets later conditions read what may be absent.
    """
    before = (*_scope(policy, atom), *_clauses(policy, atom))
    clauses = (*before, pst.When(expression), _WRONG)
    return pst.Template("asked", "permit", _ANY, policy.node.action, _ANY, clauses, pst.FrozenMap())


def _scope(policy: Policy, atom: Atom) -> Iterator[pst.When]:
    for each in policy.atoms:
        if each.kind != "scope" or each.id == atom.id:
            return
        yield pst.When(each.expression)


def _clauses(policy: Policy, atom: Atom) -> Iterator[pst.When | pst.Unless]:
    if atom.kind == "scope":
        return
    yield from policy.node.clauses[: atom.clause]
    number = [each.id for each in policy.atoms if each.clause == atom.clause].index(atom.id)
    for expression in conjuncts(policy.node.clauses[atom.clause].expr)[:number]:
        yield pst.When(expression)


def _text(policy: pst.Template) -> str:
    return str(PolicySet.from_pst(policy_set({policy.id: policy})))
