"""Which entries somebody means, written down: filters as JSON, for entries that have to mean the same for ever.

A filter as typed counts times from now and names people; what is kept in the log is the filter as it was read, with
moments as they were and pseudonyms for names. Every term is an array of its name and its values:

    ["like", column, pattern]   ["between", since, until]   ["places", first, last]   ["phrase", words, open]
    ["not", term]               ["all", [term, …]]          ["some", [term, …]]
"""

from collections.abc import Iterator
from typing import Any, Final

from engine.audit.query.terms import All, Between, Like, Not, Phrase, Places, Some, Term
from engine.audit.reader import LogReader, Row
from engine.digest import JSON

PATTERN: Final = r"^(\*|[a-z]+(\.[a-z]+)*(\.\*)?)$"
"""What a pattern of event types looks like: `decision.deny`, `decision.*`, or `*`."""

_PAGE: Final = 512
_DEEPEST: Final = 64


def covers_type(pattern: str, event_type: str) -> bool:
    """Say whether a pattern covers a type: `*` covers all, `decision.*` all that begin with `decision.`."""
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def all_rows(log: LogReader) -> Iterator[Row]:
    """Yield the rows of a log, oldest first, up to the newest at the time of the call."""
    size = log.size
    for start in range(0, size, _PAGE):
        yield from log.rows(start, min(_PAGE, size - start))


def term_to_json(term: Term) -> list[JSON]:
    """Return a filter as it stands in the log."""
    match term:
        case Like(column, pattern):
            return ["like", column, pattern]
        case Between(since, until):
            return ["between", since, until]
        case Places(first, last):
            return ["places", first, last]
        case Phrase(words, is_open):
            return ["phrase", list(words), is_open]
        case Not(inner):
            return ["not", term_to_json(inner)]
        case All(terms) | Some(terms):
            return ["all" if isinstance(term, All) else "some", [term_to_json(each) for each in terms]]


def term_of_json(value: Any, depth: int = 0) -> Term:
    """Read what `term_to_json` returned.

    Raises:
        ValueError: it is something else.
    """
    if depth > _DEEPEST:
        raise ValueError("it is nested too deep")
    match value:
        case ["like", str(column), str(pattern)]:
            return Like(column, pattern)
        case ["between", str() | None as since, str() | None as until]:
            return Between(since, until)
        case ["places", int(first), int() | None as last]:
            return Places(first, last)
        case ["phrase", [str(), *_] as words, bool(is_open)] if all(isinstance(word, str) for word in words):
            return Phrase(tuple(words), is_open)
        case ["not", inner]:
            return Not(term_of_json(inner, depth + 1))
        case ["all" | "some" as kind, list(terms)]:
            inner_terms = tuple(term_of_json(each, depth + 1) for each in terms)
            return All(inner_terms) if kind == "all" else Some(inner_terms)
        case _:
            raise ValueError(f"{str(value)[:80]!a} is no term")


def term_to_text(term: Term) -> str:
    """Return a filter in the language it was typed in, with pseudonyms and moments."""
    match term:
        case Like(column, pattern):
            return f"{column}:{pattern}"
        case Between(since, until):
            return " ".join([f"since:{since}"] * (since is not None) + [f"until:{until}"] * (until is not None))
        case Places(first, last):
            return f"entry:{first}..{'' if last is None else last}"
        case Phrase(words, is_open):
            return f'"{" ".join(words)}"{"*" * is_open}'
        case Not(inner):
            return f"-({term_to_text(inner)})"
        case All(terms) | Some(terms):
            return (" " if isinstance(term, All) else " or ").join(map(_grouped, terms))


def _grouped(term: Term) -> str:
    return f"({term_to_text(term)})" if isinstance(term, All | Some) else term_to_text(term)
