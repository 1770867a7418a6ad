"""Text for people: what somebody else wrote, made safe to show, and numbers with their nouns."""

from typing import Final

_ENDINGS: Final = (("ies", "y"), ("xes", "x"), ("s", ""))
"""How plurals end, and the singular instead."""


def printable(text: str) -> str:
    r"""Return `text` with everything escaped that a terminal could obey or a reader not see: `\u{202e}`."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def counted(count: int, nouns: str) -> str:
    """Return a number with its noun: `1 entry` for `counted(1, "entries")`, `1,200 entries` for 1200.

    Args:
        count: how many.
        nouns: the plural, which has to end regularly.
    """
    if count != 1:
        return f"{count:,} {nouns}"
    return next(f"1 {nouns.removesuffix(many)}{one}" for many, one in _ENDINGS if nouns.endswith(many))


def agreeing(count: int, verb: str) -> str:
    """Return a verb, given as for many, in the number of what is counted: `are` or `is`, `hold` or `holds`."""
    return verb if count != 1 else {"are": "is"}.get(verb, f"{verb}s")
