"""SPDX licence expressions (SPDX 2.3, annex D): their grammar, and what people mean by what they write.

A manifest stays readable for ever, so reading one checks the grammar alone. The list of known licences changes
from year to year: it is consulted once, when an artifact is packed.
"""

import re
from collections.abc import Sequence
from typing import Final

_MAX_LENGTH: Final = 1000
_ID: Final = r"(?!(?:AND|OR|WITH)\b)[A-Za-z0-9][A-Za-z0-9.:+-]*"
_OPERAND: Final = rf"\(*{_ID}(?: WITH {_ID})?\)*"
_EXPRESSION: Final = re.compile(rf"{_OPERAND}(?: (?:AND|OR) {_OPERAND})*")

_UNNAMED: Final = frozenset({"", "other", "unknown"})
"""What Hugging Face cards say when they name no licence."""


def check_expression(text: str) -> str:
    """Return `text` if it is written as an SPDX expression, whether or not its licences are known.

    Raises:
        ValueError: it is not.
    """
    if len(text) > _MAX_LENGTH or not _EXPRESSION.fullmatch(text) or not _balanced(text):
        raise ValueError(f"{text[:80]!r} is not an SPDX licence expression, such as 'Apache-2.0 OR MIT'")
    return text


def spdx(text: str) -> str:
    """Return the expression that a person meant, with every licence spelled as SPDX spells it.

    Raises:
        ValueError: the grammar is wrong, or a licence is neither known to SPDX nor a `LicenseRef-`.
    """
    from license_expression import (  # type: ignore[import-untyped]
        ExpressionError,
        ExpressionParseError,
        get_spdx_licensing,
    )

    licensing = get_spdx_licensing()
    try:
        parsed = licensing.parse(text[:_MAX_LENGTH])
    # The library lets an AttributeError escape for some dangling operators, and RecursionError for deep nesting.
    except (ExpressionError, ExpressionParseError, AttributeError, RecursionError):
        parsed = None
    if parsed is None:
        raise ValueError(f"{text[:80]!r} is not an SPDX licence expression, such as 'Apache-2.0 OR MIT'")
    unknown = [
        key for key in licensing.unknown_license_keys(parsed) if not key.startswith(("LicenseRef-", "DocumentRef-"))
    ]
    if unknown:
        raise ValueError(f"SPDX knows no licence {unknown[0]!r}: write it as 'LicenseRef-{_slug(unknown[0])}'")
    return check_expression(str(parsed))


def from_card(names: Sequence[str], custom: str | None) -> str | None:
    """Return the expression a Hugging Face card means, or None if it names no licence.

    Several names are joined by AND: a card does not say that one may choose.

    Args:
        names: the card's `license`.
        custom: its `license_name`, which speaks where `license` says `other`.
    """
    meant = [custom or "" if name.casefold() in _UNNAMED else name for name in names]
    parts = [_known_or_reference(name) for name in meant if name.casefold() not in _UNNAMED]
    bracketed = [f"({part})" if " OR " in part and len(parts) > 1 else part for part in parts]
    return check_expression(" AND ".join(dict.fromkeys(bracketed))) if parts else None


def _known_or_reference(name: str) -> str:
    try:
        return spdx(name)
    except ValueError:
        return f"LicenseRef-{_slug(name)}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")[:80] or "unnamed"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
