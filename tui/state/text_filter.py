"""The filter of a screen: `key=value` terms and free text, each of them turned round by a leading `!`.

`type=transfer decision=deny` shows what meets both; a value may be the beginning of what stands there, and of any
of several things, as in `because=deny-residency`.
`sentiment !partner=cygnus` looks for the text in every field, whatever its case, and leaves one partner out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SEVERAL: Final = ", "
"""Stands between several things in one field."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.

    Attributes:
        key: the field it is about, or None for free text in any field.
        value: what to look for, in lower case.
        inverse: True when rows that match are to be left out.
    """

    key: str | None
    value: str
    inverse: bool

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Say whether a row with these fields (in lower case) is to be shown."""
        if self.key is None:
            found = any(self.value in text for text in fields.values())
        else:
            found = any(each.startswith(self.value) for each in fields[self.key].split(SEVERAL))
        return found is not self.inverse


@dataclass(frozen=True, slots=True)
class TextFilter:
    """All conditions of a filter; all of them must hold.

    Attributes:
        text: the filter as it was typed.
        terms: its conditions.
        problem: why it cannot be used, or None.
    """

    text: str = ""
    terms: tuple[Term, ...] = ()
    problem: str | None = None

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Say whether a row with these fields is to be shown; case does not count."""
        if not self.terms:
            return True
        lowered = {key: text.lower() for key, text in fields.items()}
        return all(term.holds(lowered) for term in self.terms)


EVERYTHING = TextFilter()


def parse_filter(text: str, keys: tuple[str, ...]) -> TextFilter:
    """Read a filter.

    Args:
        text: what was typed.
        keys: the fields a `key=value` term may name.

    Returns:
        The filter. One that names an unknown field has a `problem`: it must not be used, for it would hide rows
        that its author meant to see.
    """
    terms = []
    for word in text.split():
        inverse = word.startswith("!")
        body = word.removeprefix("!")
        key, equals, value = body.partition("=")
        if equals and key.lower() not in keys:
            return TextFilter(text, (), f"no field {key!r}: use {', '.join(keys)}")
        if not (value if equals else body):
            return TextFilter(text, (), f"{word!r} looks for nothing")
        terms.append(Term(key.lower() if equals else None, (value if equals else body).lower(), inverse))
    return TextFilter(text, tuple(terms))
