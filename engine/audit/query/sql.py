"""A filter as a condition for SQLite, its values as parameters. It only says where to look.

Words are looked up in the full-text index that is attached as `search`; where there is none, every entry may hold
them, whether they are wanted or not, and the judge (`match`) decides alone.
"""

import re
from dataclasses import dataclass, field

from engine.audit.query.terms import All, Between, Like, Not, Phrase, Places, Some, Term


@dataclass(frozen=True, slots=True)
class Condition:
    """What stands behind WHERE.

    Attributes:
        text: a condition over the columns of `event`.
        values: its parameters, in order.
        exact: it selects what the filter means, and nothing more.
    """

    text: str
    values: tuple[str | int, ...] = field(default=())
    exact: bool = True


def condition(term: Term, *, indexed: bool) -> Condition:
    """Return the condition of a filter.

    Args:
        term: the filter.
        indexed: the full-text index is attached and complete.
    """
    return _condition(term, wanted=True, indexed=indexed)


def _condition(term: Term, *, wanted: bool, indexed: bool) -> Condition:
    match term:
        case Not(inner):
            return _condition(inner, wanted=not wanted, indexed=indexed)
        case All(terms) | Some(terms):
            # De Morgan: negations are pushed down to single tests, so that "perhaps" stays "perhaps".
            every = isinstance(term, All) is wanted
            return _joined([_condition(each, wanted=wanted, indexed=indexed) for each in terms], every=every)
        case Phrase() if not indexed:
            return Condition("1", exact=False)
        case _:
            found = _test(term)
            return found if wanted else Condition(f"NOT coalesce({found.text}, 0)", found.values)


def _test(term: Like | Between | Places | Phrase) -> Condition:
    match term:
        case Like(column, pattern) if "*" not in pattern:
            return Condition(f"event.{column} = ?", (pattern,))
        case Like(column, pattern):
            return Condition(f"event.{column} GLOB ?", (re.sub(r"([\[?])", r"[\1]", pattern),))
        case Between(since, until):
            edges = [("event.time >= ?", since), ("event.time < ?", until)]
            return _joined([Condition(text, (edge,)) for text, edge in edges if edge is not None], every=True)
        case Places(first, last):
            if last is None:
                return Condition("event.idx >= ?", (first,))
            return Condition("event.idx BETWEEN ? AND ?", (first, last))
        case Phrase(words, is_open):
            asked = f'"{" ".join(words)}"' + (" *" if is_open else "")
            return Condition("event.idx IN (SELECT rowid FROM search.words WHERE words MATCH ?)", (asked,))


def _joined(parts: list[Condition], *, every: bool) -> Condition:
    if not parts:
        return Condition("1" if every else "0")
    text = (" AND " if every else " OR ").join(part.text for part in parts)
    values = tuple(value for part in parts for value in part.values)
    return Condition(f"({text})", values, all(part.exact for part in parts))
