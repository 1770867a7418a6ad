"""Findings about policies: each with its file, line and column, and the line itself with a caret under it."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final

from cedarpy import Schema, policies_to_pst, pst

from engine.findings import Finding, Severity
from engine.policy.source import Statement
from engine.policy.tree import walk
from engine.policy.wording import condition_text

_UNFINISHED: Final = "unexpected end of input"
_OF_SCHEMA: Final = "error parsing schema: "
_QUOTED: Final = re.compile(r"`([^`]+)`|'([^']+)'|(?:effect|type): (\w+)")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_NEAR: Final = 0.7  # how alike two names have to be for one to be meant by the other


def label(node: pst.Template) -> str:
    """Return what messages call a policy."""
    return f"policy {node.annotations.get('id', 'without @id')}"


def mark(
    statement: Statement, offset: int, code: str, message: str, remedy: str, severity: Severity = Severity.ERROR
) -> Finding:
    """Return a finding about the character at an offset into a statement."""
    place = statement.at(offset)
    return Finding(code, severity, str(place), message, remedy, place)


def pointed(statement: Statement, finding: Finding) -> str:
    """Write a finding in one line, and below it the line it is about with a caret under the place."""
    told = f"{finding.subject}: {finding.message} ({finding.code})"
    if finding.place is None:
        return told
    number = finding.place.line - statement.line
    # The first line of a statement may start behind another statement.
    indent = " " * (statement.column - 1) if number == 0 else ""
    lines = statement.text.split("\n")
    line = indent + lines[min(number, len(lines) - 1)].rstrip()
    under = "".join("\t" if char == "\t" else " " for char in line[: finding.place.column - 1])
    return f"{told}\n    {line}\n    {under}^"


def of_error(statement: Statement, message: str) -> int:
    """Return the offset at which a statement stops being Cedar.

    The parser names no place. But it reads from left to right: the first token at which it says anything but
    that more is expected is the one it stumbles over. What it notices only at the end is looked up by its name.
    """
    return _stumble(statement, message, _complaint)


def of_schema_error(statement: Statement, message: str) -> int:
    """Return the offset at which a schema stops being one; as `of_error`, for a schema as a whole."""
    return _stumble(statement, message.removeprefix(_OF_SCHEMA), _schema_complaint)


def _stumble(statement: Statement, message: str, complaint: Callable[[str], str]) -> int:
    tokens = list(statement.tokens())
    low, high = 0, len(tokens)
    while low < high:
        middle = (low + high) // 2
        start, text = tokens[middle]
        if complaint(statement.text[: start + len(text)]) in {_UNFINISHED, ""}:
            low = middle + 1
        else:
            high = middle
    if low < len(tokens) - 1:
        return tokens[low][0]
    return of_words(statement, _quoted(message)) or (tokens[-1][0] if message == _UNFINISHED and tokens else 0)


def of_words(statement: Statement, words: Iterable[str]) -> int:
    """Return the offset of the first of these words that stands in a statement as tokens; 0 if none does."""
    tokens = list(statement.tokens())
    texts = [text for _, text in tokens]
    for word in words:
        sought = [text for _, text in Statement("", 1, word).tokens()]
        for number in range(len(texts) - len(sought) + 1):
            if sought and texts[number : number + len(sought)] == sought:
                return tokens[number][0]
    return 0


def of_node(statement: Statement, node: pst.Expr) -> int:
    """Return the offset of a condition in its statement, or of the first attribute it reads."""
    return of_words(
        statement, [condition_text(node), *(each.attr for each in walk(node) if isinstance(each, pst.GetAttr))]
    )


def meant(message: str, known: str) -> str:
    """Return `message` with what may have been meant by the names in it.

    Args:
        message: what Cedar's validator says, with names between backticks.
        known: the text of the schema.
    """
    names = sorted(set(_WORD.findall(known)))
    for word in _quoted(message):
        name = _WORD.findall(word)[-1:] or [""]
        if name[0] not in names:
            near = get_close_matches(name[0], names, n=2, cutoff=_NEAR)
            if near:
                return f"{message}; did you mean {' or '.join(near)}?"
    return message


def of_validation(statement: Statement, message: str) -> int:
    """Return the offset of what the validator's message is about; 0 if it names nothing that can be found."""
    return of_words(statement, _quoted(message))


def _quoted(message: str) -> list[str]:
    return [next(filter(None, groups)) for groups in _QUOTED.findall(message)]


def _complaint(text: str) -> str:
    try:
        policies_to_pst(text)
    except ValueError as error:
        return str(error)
    return ""


def _schema_complaint(text: str) -> str:
    try:
        Schema.from_str(text)
    except ValueError as error:
        said = str(error)
        return said.removeprefix(_OF_SCHEMA) if said.startswith(_OF_SCHEMA) else ""
    return ""
