"""How the policies of a folder stand to each other, and to the schema: what is covered, said twice, or never read.

All of this works, so none of it is an error. A policy that never tips the balance misleads whoever reads it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from cedarpy import pst

from engine.findings import Finding, Severity
from engine.policy.actions import Members, named
from engine.policy.marking import mark
from engine.policy.source import Statement
from engine.policy.tree import walk

Located: TypeAlias = tuple[Statement, pst.Template]
"""A policy and where it stands."""

_OPENS: Final = frozenset({"{", ","})
_ANY: Final = pst.ScopeAny()


def overlaps(policies: Sequence[Located], members: Members) -> Iterator[tuple[Statement, Finding]]:
    """Yield what is to be said about policies that another one covers, or repeats.

    Args:
        policies: all that parse.
        members: the actions of the schema.
    """
    repeated: set[str] = set()
    for statement, node, other in _repeated(policies, members):
        repeated.add(node.id)
        message = f"policy {node.id}: it says the same as policy {other}, expected it once"
        yield statement, mark(statement, 0, "policy-repeated", message, "Remove one of the two.", Severity.WARNING)
    blankets: dict[object, list[tuple[pst.Template, frozenset[str]]]] = defaultdict(list)
    for _, node in policies:
        if not node.clauses and node.id not in repeated:
            blankets[node.principal, node.resource].append((node, named(node, members)))
    for statement, node in policies:
        actions = named(node, members)
        over = next(
            (
                other
                for principal in {node.principal, _ANY}
                for resource in {node.resource, _ANY}
                for other, covered in blankets.get((principal, resource), ())
                if actions and actions <= covered and _above(other, node)
            ),
            None,
        )
        if over is None or node.id in repeated:
            continue
        if node.effect == over.effect:
            code, message = "policy-shadowed", f"{over.id} applies wherever it does, and to more"
        else:
            code, message = "policy-unreachable", f"{over.id} forbids all that it permits"
        remedy = f"Remove it, or give {over.id} a condition."
        yield statement, mark(statement, 0, code, f"policy {node.id}: {message}", remedy, Severity.WARNING)


def _above(other: pst.Template, node: pst.Template) -> bool:
    """Say whether a policy that covers another one takes its effect away: a forbid any, a permit that of a permit."""
    return other.id != node.id and (other.effect == "forbid" or node.effect == "permit")


def unused(schema: Statement, policies: Iterable[pst.Template]) -> Iterator[tuple[Statement, Finding]]:
    """Yield the attributes that a schema declares and no policy reads.

    Attributes are told apart by their name alone, so that one which is read through a variable counts as read.
    """
    read = {name for policy in policies for name in _read(policy)}
    seen: set[str] = set()
    for offset, name in declared(schema):
        if name not in read and name not in seen:
            seen.add(name)
            message = f"no policy reads the attribute {name}"
            remedy = "Remove it from the schema, or write the policy that it was declared for."
            yield schema, mark(schema, offset, "attribute-unused", message, remedy, Severity.INFO)


def _repeated(policies: Sequence[Located], members: Members) -> Iterator[tuple[Statement, pst.Template, str]]:
    first: dict[object, str] = {}
    for statement, node in policies:
        said = (node.effect, node.principal, named(node, members) or node.action, node.resource, node.clauses)
        other = first.setdefault(said, node.id)
        if other != node.id:
            yield statement, node, other


def _read(policy: pst.Template) -> Iterator[str]:
    for node in walk(policy.clauses):
        match node:
            case pst.GetAttr(_, attr):
                yield attr
            case pst.HasAttr(_, attrs):
                yield from attrs


def declared(schema: Statement) -> Iterator[tuple[int, str]]:
    """Yield the attributes of entities, records and contexts, with their offset; not what an action applies to."""
    tokens = [*schema.tokens(), (len(schema.text), ""), (len(schema.text), "")]
    opened: list[bool] = []
    for number, (offset, text) in enumerate(tokens[:-2]):
        before = tokens[number - 1][1] if number else ""
        if text == "{":
            opened.append(before == "appliesTo")
        elif text == "}" and opened:
            opened.pop()
        colon = tokens[number + 2][1] if tokens[number + 1][1] == "?" else tokens[number + 1][1]
        if colon == ":" and before in _OPENS and opened and not opened[-1]:
            yield offset, text.strip('"')
