"""Where a condition stands in its file. Cedar's trees know no lines, so its words are looked for in the text."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.policy.bundle import PolicyBundle
from engine.policy.source import PolicySource

_WORD: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|\w+|::|[<>=!]=|&&|\|\||\S', re.DOTALL)
_SHAPE: Final = frozenset("(),")  # what may be written or left out without changing what is said


def places_of_atoms(bundle: PolicyBundle, source: PolicySource) -> Mapping[str, str]:
    """Return `file:line` of every condition of a bundle, by atom id; the policy's own where it is not found.

    Args:
        bundle: what was compiled.
        source: the files it was compiled from.
    """
    statements = {statement.place: statement for statement in source.statements}
    places: dict[str, str] = {}
    for policy in bundle.policies.values():
        statement = statements.get(policy.place)
        words = list(_words(statement.text)) if statement else []
        start = 0
        for atom in policy.atoms:
            wanted = [word for word, _ in _words(atom.text)]
            found = _find([word for word, _ in words], wanted, start) if atom.kind != "scope" else None
            if found is None or statement is None:
                places[atom.id] = policy.place
                continue
            places[atom.id] = f"{statement.file}:{statement.line + words[found][1]}"
            start = found + len(wanted)
    return places


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield the words of Cedar text, each with the number of line breaks before it."""
    line = counted = 0
    for match in _WORD.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        if not match[0].startswith("//") and match[0] not in _SHAPE:
            yield match[0], line


def _find(words: list[str], wanted: list[str], start: int) -> int | None:
    last = len(words) - len(wanted)
    return next((at for at in range(start, last + 1) if words[at : at + len(wanted)] == wanted), None)
