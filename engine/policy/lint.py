"""What Cedar's validator lets pass, or notices and does not say through cedarpy.

Each rule takes a policy and yields findings. Errors keep a bundle from loading; warnings are kept with it.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

from cedarpy import Schema, pst, validate_policies

from engine.findings import Finding, Severity
from engine.policy.actions import ACTION
from engine.policy.marking import label, mark, of_node, of_words
from engine.policy.source import Statement
from engine.policy.tree import conjuncts, walk
from engine.policy.wording import condition_text

_ARITHMETIC: Final = frozenset({"add", "sub", "mul", "neg", "offset", "duration_since"})
_TOGETHER: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""Scripts that one word is written in, as Unicode names its characters: Japanese, Korean, Chinese."""

UNREACHABLE: Final = "ladingLooksForAnAttributeThatNoEntityHas"
"""An attribute for probes: whoever validates a condition that reads it did not look at the condition."""


def lint(statement: Statement, policy: pst.Template, schema: Schema) -> Iterator[Finding]:
    """Look at one policy that Cedar's strict validation has passed."""
    yield from _impossible(statement, policy, schema)
    yield from _disguised(statement, policy)
    yield from _hidden_groups(statement, policy)
    yield from _overflowing(statement, policy)


def negations(statement: Statement, policy: pst.Template) -> Iterator[Finding]:
    """`!(x has y)` where it means the opposite of what it seems to, or what the validator cannot follow.

    Looked at whether or not the validator passed the policy: its own message does not say how to write it.
    """
    name = label(policy)
    for node in walk(policy.clauses):
        match node:
            case pst.BinaryOp("or", pst.UnaryOp("not", pst.HasAttr() as has), right) if _reads(right, has):
                message = f"{name}: {condition_text(node)} reads an attribute where it may be missing"
                remedy = f"Write a policy of its own with {condition_text(has)} && …."
                yield mark(statement, of_node(statement, node), "negated-has", message, remedy, Severity.WARNING)
    for clause in policy.clauses:
        match clause:
            case pst.Unless(pst.UnaryOp("not", pst.HasAttr() as has)):
                message = f"{name}: unless {{ !({condition_text(has)}) }} is a double negation"
                remedy = f"Write when {{ {condition_text(has)} }}."
                yield mark(statement, of_node(statement, clause.expr), "negated-has", message, remedy, Severity.WARNING)


def _reads(expression: pst.Expr, has: pst.HasAttr) -> bool:
    return any(
        isinstance(each, pst.GetAttr) and each.base == has.base and each.attr == has.attrs[0]
        for each in walk(expression)
    )


def _impossible(statement: Statement, policy: pst.Template, schema: Schema) -> Iterator[Finding]:
    """A policy that can never apply. cedarpy drops the validator's own warning.

    The validator checks no clause that cannot be reached. So a last clause that is certainly wrong is added:
    whoever passes with it never gets there.
    """
    probe = f"{statement.text.rstrip().removesuffix(';')} when {{ principal.{UNREACHABLE} }};"
    if validate_policies(probe, schema).validation_passed or _contradicts_itself(policy):
        message = f"{label(policy)}: the {policy.effect} can never apply, expected a condition that some request meets"
        remedy = "Mend the condition that is always false, or remove the policy."
        yield mark(statement, of_words(statement, ["when", "unless"]), "policy-impossible", message, remedy)


def _contradicts_itself(policy: pst.Template) -> bool:
    """Say whether a policy demands a condition and its opposite, which types alone do not show."""
    demanded: set[pst.Expr] = set()
    for clause in policy.clauses:
        if isinstance(clause, pst.When):
            demanded.update(conjuncts(clause.expr))
        else:
            demanded.add(pst.UnaryOp("not", clause.expr))
    return any(pst.UnaryOp("not", each) in demanded for each in demanded)


def _disguised(statement: Statement, policy: pst.Template) -> Iterator[Finding]:
    """Text that reads as something else: a Cyrillic letter in a Latin word, a character that cannot be seen.

    What policies compare with is looked at as a whole, what people read word by word: a sentence may quote another
    language.
    """
    words = [word for note in policy.annotations.values() for word in note.split(" ")]
    for text in (*words, *_compared(policy)):
        if not _in_one_script(text) or not text.isprintable():
            message = (
                f"{label(policy)}: {text!a} mixes scripts or hides characters, expected one script, all of it visible"
            )
            yield mark(statement, max(statement.text.find(text), 0), "text-disguised", message, "Type the text again.")


def _in_one_script(text: str) -> bool:
    scripts = {unicodedata.name(char, "?").split()[0] for char in text if char.isalpha()}
    return len(scripts) < 2 or any(scripts <= together for together in _TOGETHER)  # noqa: PLR2004


def _compared(policy: pst.Template) -> Iterator[str]:
    for node in walk(policy):
        match node:
            case pst.StringLit(text) | pst.EntityUid(_, text):
                yield text
            case pst.Like(_, pattern):
                yield "".join(each.value for each in pattern if isinstance(each, pst.Char))


def _hidden_groups(statement: Statement, policy: pst.Template) -> Iterator[Finding]:
    """`action in …` in a condition needs the action hierarchy at run time, which a bundle must not."""
    for node in walk(policy.clauses):
        match node:
            case pst.BinaryOp("in", member, group) | pst.Is(member, _, group) if _about_actions(member, group):
                message = (
                    f"{label(policy)}: {condition_text(node)} stands in a condition, expected it in the policy's scope"
                )
                remedy = "Write the group where the policy names its action."
                yield mark(statement, of_node(statement, node), "action-group-in-condition", message, remedy)


def _about_actions(member: pst.Expr, group: pst.Expr | None) -> bool:
    inside = [*walk(member), *walk(group)]
    return group is not None and (pst.Var("action") in inside or ACTION in inside)


def _overflowing(statement: Statement, policy: pst.Template) -> Iterator[Finding]:
    """Arithmetic in a forbid: an overflow is an error, and errors deny more than their author meant."""
    if policy.effect != "forbid":
        return
    for node in walk(policy.clauses):
        if isinstance(node, pst.BinaryOp | pst.UnaryOp) and node.op in _ARITHMETIC:
            message = (
                f"{label(policy)}: {condition_text(node)} can overflow, and every request for which it does is denied"
            )
            remedy = "Compare the values directly, or have the engine state the sum as a fact."
            yield mark(statement, of_node(statement, node), "arithmetic-in-forbid", message, remedy, Severity.WARNING)
