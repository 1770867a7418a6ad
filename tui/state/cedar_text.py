"""Cedar text in colours: a small lexer of our own, for policies and schemas. It never fails, whatever the text."""

import re
from collections.abc import Iterator
from typing import Final

from tui.state.line import BLANK, Line, Piece, Role, clean

TAB: Final = "    "

_TOKEN: Final = re.compile(
    r"""
    (?P<comment> //[^\n]* )
  | (?P<string> "(?:[^"\\]|\\.)*"? )
  | (?P<annotation> @[A-Za-z_]\w* )
  | (?P<number> \b\d+\b )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<other> [^\w\s"@/]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_POLICY_WORDS: Final = {"permit", "forbid", "when", "unless", "if", "then", "else", "in", "like", "has", "is"}
_SCHEMA_WORDS: Final = {"namespace", "entity", "action", "type", "appliesTo", "enum", "tags"}
_KEYWORDS: Final = frozenset(_POLICY_WORDS | _SCHEMA_WORDS | {"true", "false"})
_VARIABLES: Final = frozenset({"principal", "action", "resource", "context"})
_ROLES: Final = {
    "comment": Role.MUTED,
    "string": Role.STRING,
    "annotation": Role.ANNOTATION,
    "number": Role.TYPE,
    "other": Role.PLAIN,
}


def highlight(text: str) -> list[Line]:
    """Return the lines of a Cedar text, coloured; what a terminal could obey is replaced by `?`."""
    lines: list[list[Piece]] = [[]]
    for role, token in _tokens(text.replace("\r\n", "\n").replace("\t", TAB)):
        first, *rest = token.split("\n")
        _add(lines[-1], first, role)
        for part in rest:
            lines.append([])
            _add(lines[-1], part, role)
    return [tuple(line) if line else BLANK for line in lines]


def _tokens(text: str) -> Iterator[tuple[Role, str]]:
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or "other"
        yield _word(token.group()) if kind == "word" else (_ROLES[kind], token.group())


def _word(word: str) -> tuple[Role, str]:
    if word in _VARIABLES:
        return Role.STRONG, word
    if word in _KEYWORDS:
        return Role.KEYWORD, word
    return (Role.TYPE if word[0].isupper() else Role.PLAIN), word


def _add(line: list[Piece], text: str, role: Role) -> None:
    """Add text to a line, to the last piece if it has the same role."""
    if not text:
        return
    if line and line[-1].role is role:
        line[-1] = Piece(line[-1].text + clean(text), role)
    else:
        line.append(Piece(clean(text), role))
