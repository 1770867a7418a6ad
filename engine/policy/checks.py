"""One statement of a policy folder, parsed and checked: a tree, and everything that is to be said about it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cedarpy import Schema, policies_to_pst, pst, validate_policies

from engine.findings import Finding
from engine.policy.actions import Members
from engine.policy.lint import lint, negations
from engine.policy.marking import label, mark, meant, of_error, of_validation, of_words
from engine.policy.source import Statement

BLOCKING: Final = frozenset({"syntax", "not-one-policy", "duplicate-id", "id-unreadable", "schema-unmet"})
"""Codes of what keeps a policy from being evaluated as it is meant. No setting and no mode lets it pass."""

UNKNOWN_GROUP: Final = "action-group-unknown"
"""Code of a policy whose scope names an action the schema does not declare."""

FIRM: Final = BLOCKING | {
    UNKNOWN_GROUP,
    "annotation-too-long",
    "override-of-never-overridable",
    "missing-id",
    "missing-owner",
    "missing-remedy",
}
"""Codes that matter whatever `bundle.toml` says: whoever edits a folder must not be able to talk them away."""

_LONGEST_ID: Final = 128  # characters; every decision names ids
_LONGEST_NOTE: Final = 2000
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REQUIRED: Final = {
    "id": 'Give it a name of its own, such as @id("deny-residency").',
    "owner": 'Say who answers for it: @owner("security").',
    "remedy": 'Say what a person can do who is denied: @remedy("Ask …").',
}
_CHOICES: Final = {"obligation": {"approval", "break-glass"}, "disclose": {"partner"}, "class": {"never-overridable"}}
_OVERRIDE: Final = "breakGlass"


@dataclass(frozen=True, slots=True)
class Checked:
    """A statement and what was found.

    Attributes:
        statement: where it stands.
        id: its `@id`; where it stands if it has none (`Statement.name`).
        node: its tree under that id; None if it is not one policy.
        findings: what is to be said about it.
    """

    statement: Statement
    id: str
    node: pst.Template | None
    findings: tuple[Finding, ...]


def check(statement: Statement, schema: Schema | None, members: Members, known: str) -> Checked:
    """Parse, validate and lint one statement.

    Args:
        statement: a policy as it is written.
        schema: what it has to fit; None where there is none.
        members: the actions of the schema.
        known: the text of the schema, for naming what may have been meant.
    """
    parsed = _parsed(statement)
    if isinstance(parsed, Finding):
        return Checked(statement, statement.name, None, (parsed,))
    id_ = parsed.annotations.get("id", "").strip() or statement.name
    node = replace(parsed, id=id_)
    findings = list(_annotations(statement, node))
    if schema is not None:
        untyped = list(_untyped(statement, node, schema, members, known))
        findings += untyped or lint(statement, node, schema)
    findings += negations(statement, node)
    findings += _overridable(statement, node)
    return Checked(statement, id_, node, tuple(findings))


def _parsed(statement: Statement) -> pst.Template | Finding:
    try:
        parsed = policies_to_pst(statement.text)
    except ValueError as error:
        remedy = "Mend the syntax at the place it names."
        return mark(statement, of_error(statement, str(error)), "syntax", str(error), remedy)
    if parsed.templates:
        message, remedy = "a template with slots, expected a policy", "Write the principal or resource out."
    elif len(parsed.static_policies) != 1:
        message = f"{len(parsed.static_policies)} policies in one statement, expected one"
        remedy = "End each policy with one semicolon."
    else:
        return next(iter(parsed.static_policies.values()))
    return mark(statement, 0, "not-one-policy", message, remedy)


def _annotations(statement: Statement, node: pst.Template) -> Iterator[Finding]:
    given = node.annotations
    name = label(node)
    for each, remedy in _REQUIRED.items():
        if not given.get(each, "").strip():
            yield mark(statement, 0, f"missing-{each}", f"{name}: no @{each}, expected one", remedy)
    id_ = given.get("id", "").strip()
    if "`" in id_ or not id_.isprintable() or len(id_) > _LONGEST_ID:
        remedy = f"Leave out backticks and what cannot be seen, and use at most {_LONGEST_ID} characters."
        yield mark(
            statement,
            0,
            "id-unreadable",
            f"{name!a}: the @id cannot be told in a message: not written in lower case with hyphens",
            remedy,
        )
    elif id_ and not _ID.fullmatch(id_):
        message = f"{name}: the @id is not written in lower case with hyphens, such as deny-residency"
        yield mark(statement, of_words(statement, [f'@id("{id_}")']), "id-malformed", message, "Rename it.")
    for each, value in given.items():
        if len(value) > _LONGEST_NOTE:
            message = f"{name}: @{each} has {len(value)} characters, expected at most {_LONGEST_NOTE}"
            yield mark(statement, 0, "annotation-too-long", message, "Shorten it: every denial carries it.")
        if each not in _REQUIRED and value not in _CHOICES.get(each, ()):
            known = ", ".join(f'@{each}("{choice}")' for each, choices in _CHOICES.items() for choice in choices)
            message = f'{name}: @{each}("{value}") means nothing here, expected one of {known}'
            offset = of_words(statement, [f"@{each}"])
            yield mark(statement, offset, "annotation-unknown", message, "Correct it, or remove it.")


def _untyped(
    statement: Statement, node: pst.Template, schema: Schema, members: Members, known: str
) -> Iterator[Finding]:
    """What keeps a policy from fitting the schema."""
    lost = [] if not isinstance(node.action, pst.ActionIn | pst.ActionEq) else [*_lost(node.action, members)]
    if lost:
        named = f'Action::"{lost[0]}"'
        message = meant(f"{label(node)}: the schema declares no action `{named}`", known)
        yield mark(
            statement,
            of_words(statement, [named]),
            UNKNOWN_GROUP,
            message,
            "Declare it in the schema, or correct the name.",
        )
        return
    for each in validate_policies(statement.text, schema).errors:
        said = each.error.removeprefix("for policy `policy0`, ")
        remedy = "Correct the name or the type; the schema says what there is."
        message = f"{label(node)}: {meant(said, known)}"
        yield mark(statement, of_validation(statement, said), "schema-unmet", message, remedy)


def _lost(action: pst.ActionIn | pst.ActionEq, members: Mapping[str, object]) -> Iterator[str]:
    entities = action.entities if isinstance(action, pst.ActionIn) else (action.entity,)
    yield from (entity.id for entity in entities if entity.id not in members)


def _overridable(statement: Statement, node: pst.Template) -> Iterator[Finding]:
    """A policy that nothing may override, and that reads whether something does."""
    if node.annotations.get("class") == "never-overridable" and (offset := of_words(statement, [_OVERRIDE])):
        message = f"{label(node)}: it is never to be overridden, and reads {_OVERRIDE}"
        remedy = f'Take {_OVERRIDE} out of its conditions, or @class("never-overridable") away.'
        yield mark(statement, offset, "override-of-never-overridable", message, remedy)
