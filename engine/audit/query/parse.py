"""Reading a filter.

filter  = some
some    = every ("or" every)*
every   = one (["and"] one)*
one     = "-" one | "(" some ")" | field ":" value | text
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from engine.audit.query.lexing import Sort, Token, refuse, tokens
from engine.audit.query.terms import (
    DECISIONS,
    EVERYTHING,
    FIELDS,
    All,
    Between,
    Kind,
    Like,
    Not,
    Phrase,
    Places,
    Some,
    Term,
)
from engine.audit.query.words import words_of
from engine.errors import LadingError
from engine.events import timestamp

DEPTH_LIMIT: Final = 32
TERM_LIMIT: Final = 128
STAR_LIMIT: Final = 4

_HEX: Final = re.compile(r"[0-9a-f]{1,64}")
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")
_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLACES: Final = re.compile(r"([0-9]{1,18})?(\.\.)?([0-9]{1,18})?")
MOMENT_FORMS: Final = "a day (2026-11-01), a time (2026-11-01T12:00Z) or how long ago (2h)"


@dataclass(frozen=True, slots=True)
class Asker:
    """What a filter cannot know by itself.

    Attributes:
        now: the moment that relative times are counted from.
        pseudonym: turns an identity into what stands for it in leaves; raises `LadingError` where that is not possible.
    """

    now: datetime
    pseudonym: Callable[[str], str]


def parse(text: str, asker: Asker) -> Term:
    """Read a filter. An empty one lets everything through.

    Raises:
        FilterError: it cannot be read; the message names the place, what was found and what was expected.
        LadingError: an actor is named, and the pseudonym key cannot be read.
    """
    return _Reader(tokens(text), asker).whole()


class _Reader:
    def __init__(self, words: list[Token], asker: Asker) -> None:
        self._words = words
        self._at = 0
        self._terms = 0
        self._asker = asker

    @property
    def next(self) -> Token:
        """The word to be read."""
        return self._words[self._at]

    def whole(self) -> Term:
        """Read everything up to the end."""
        if len(self._words) == 1:
            return EVERYTHING
        term = self._some(0)
        if self.next.sort is not Sort.END:
            refuse(self.next.at, self.next.told(), "a term, 'or' or the end")
        return term

    def _some(self, depth: int) -> Term:
        terms = [self._every(depth)]
        while self.next.sort is Sort.OR:
            self._at += 1
            terms.append(self._every(depth))
        return terms[0] if len(terms) == 1 else Some(tuple(terms))

    def _every(self, depth: int) -> Term:
        terms = [self._one(depth)]
        while self.next.sort not in {Sort.OR, Sort.CLOSE, Sort.END}:
            if self.next.sort is Sort.AND:
                self._at += 1
            terms.append(self._one(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _one(self, depth: int) -> Term:
        token = self.next
        if depth > DEPTH_LIMIT:
            refuse(token.at, f"more than {DEPTH_LIMIT} levels", "fewer parentheses")
        if token.sort not in {Sort.MINUS, Sort.OPEN, Sort.FIELD, Sort.TEXT}:
            refuse(token.at, token.told(), "a term such as type:decision.deny, or a text")
        self._at += 1
        if token.sort is Sort.MINUS:
            return Not(self._one(depth + 1))
        if token.sort is Sort.OPEN:
            term = self._some(depth + 1)
            if self.next.sort is not Sort.CLOSE:
                refuse(self.next.at, self.next.told(), f"the ')' for the '(' at character {token.at + 1}")
            self._at += 1
            return term
        self._terms += 1
        if self._terms > TERM_LIMIT:
            refuse(token.at, f"more than {TERM_LIMIT} terms", "fewer")
        return _phrase(token) if token.sort is Sort.TEXT else _field(token, self._asker)


def _phrase(token: Token) -> Phrase:
    words = words_of(token.text)
    if not words:
        refuse(token.at, token.told(), "a text with letters or digits")
    return Phrase(tuple(words), open=token.text.endswith("*") and not token.quoted)


def _field(token: Token, asker: Asker) -> Term:
    name = token.name
    kind = FIELDS.get(name)
    if kind is None:
        near = get_close_matches(name.lower(), FIELDS, n=2, cutoff=0.6)
        refuse(token.at, f"the unknown field '{name}'", f"one of {', '.join(FIELDS)}, or the text in quotes", _or(near))
    if not token.text:
        refuse(token.end, "nothing", f"a value after '{name}:'")
    match kind:
        case Kind.DIGEST:
            return _digest(token)
        case Kind.DECISION:
            return _decision(token)
        case Kind.ACTOR:
            return _actor(token, asker)
        case Kind.MOMENT:
            return _moment(token, asker.now)
        case Kind.RANGE:
            return _places(token)
        case _:
            return _name(token)


def _name(token: Token) -> Like:
    if token.text.count("*") > STAR_LIMIT:
        refuse(token.value_at, f"'{token.text}'", f"at most {STAR_LIMIT} stars")
    return Like(token.name, token.text)


def _digest(token: Token) -> Like:
    start = token.text.lower().removesuffix("*")
    if not _HEX.fullmatch(start):
        refuse(token.value_at, f"'{token.text}'", "the beginning of a digest: up to 64 hexadecimal digits")
    return Like(token.name, f"{start}*")


def _decision(token: Token) -> Like:
    if token.text not in DECISIONS:
        near = get_close_matches(token.text.lower(), DECISIONS, n=1)
        refuse(token.value_at, f"'{token.text}'", f"one of {', '.join(DECISIONS)}", _or(near))
    return Like(token.name, token.text)


def _actor(token: Token, asker: Asker) -> Like:
    if "*" in token.text:
        refuse(token.value_at, f"'{token.text}'", "a whole identity such as ada@acme.example: leaves hold pseudonyms")
    if _PSEUDONYM.fullmatch(token.text):
        return Like("actor", token.text)
    return Like("actor", asker.pseudonym(token.text))


def _moment(token: Token, now: datetime) -> Between:
    text = token.text
    try:
        if ago := _AGO.fullmatch(text):
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            if token.name == "until" and _DAY.fullmatch(text):
                moment += timedelta(days=1)
    except (ValueError, OverflowError):
        refuse(token.value_at, f"'{text}'", MOMENT_FORMS)
    edge = timestamp(moment)
    return Between(edge, None) if token.name == "since" else Between(None, edge)


def _places(token: Token) -> Places:
    found = _PLACES.fullmatch(token.text)
    if found is None or not (found[1] or found[3]) or (found[3] and not found[2]):
        refuse(token.value_at, f"'{token.text}'", "an index (100) or a range of them (100..200, 100.., ..200)")
    first = int(found[1] or 0)
    last = int(found[3]) if found[3] else (None if found[2] else first)
    if last is not None and last < first:
        refuse(token.value_at, f"'{token.text}'", f"a range that goes up: {last}..{first}")
    return Places(first, last)


def _or(near: list[str]) -> str:
    return " or ".join(f"'{each}'" for each in near)


def only_about(name: str, value: str) -> str:
    """Write the term of one field, whatever its value holds."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}:"{escaped}"'


NO_KEY: Final = "turning a name into its pseudonym takes the pseudonym key, which only the owner's user can read"


def without_key(_: str) -> str:
    """Refuse names where there is no pseudonym key.

    Raises:
        LadingError: always.
    """
    raise LadingError(NO_KEY, remedy="Ask as the owner's user, or give the pseudonym of 32 hexadecimal digits.")
