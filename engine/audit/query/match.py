"""Does an entry meet a filter: the judge of everything that SQL or an index proposes."""

import re
from collections.abc import Callable
from functools import cached_property, lru_cache

from engine.audit.entry import Entry
from engine.audit.query.terms import All, Between, Like, Not, Phrase, Places, Some, Term
from engine.audit.query.words import document


def matches(term: Term, entry: Entry) -> bool:
    """Say whether an entry meets a filter, by its leaf, its index and its payload alone."""
    return _meets(term, _Subject(entry))


class _Subject:
    """An entry, its words read once and only if somebody asks."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    @cached_property
    def words(self) -> str:
        return f" {document(self.entry.public, self.entry.payload)} "


def _meets(term: Term, subject: _Subject) -> bool:
    match term:
        case Not(inner):
            return not _meets(inner, subject)
        case All(terms):
            return all(_meets(each, subject) for each in terms)
        case Some(terms):
            return any(_meets(each, subject) for each in terms)
        case _:
            return _test(term, subject)


def _test(term: Like | Between | Places | Phrase, subject: _Subject) -> bool:
    entry = subject.entry
    match term:
        case Like(column, pattern):
            value = entry.public.get(column)
            return value is not None and like(pattern)(value)
        case Between(since, until):
            return (since is None or entry.time >= since) and (until is None or entry.time < until)
        case Places(first, last):
            return first <= entry.index and (last is None or entry.index <= last)
        case Phrase(words, is_open):
            return f" {' '.join(words)}{'' if is_open else ' '}" in subject.words


@lru_cache(maxsize=256)
def like(pattern: str) -> Callable[[str], bool]:
    """Return the test of a pattern in which `*` stands for any text."""
    parts = [re.escape(part) for part in re.split(r"\*+", pattern)]
    expression = re.compile(_expression(parts), re.DOTALL)
    return lambda value: expression.fullmatch(value) is not None


def _expression(parts: list[str]) -> str:
    """Write the parts between stars as an expression; each is found where it first stands, once, and kept."""
    first, *rest = parts
    if not rest:
        return first
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return f"{first}{middle}.*{rest[-1]}"
