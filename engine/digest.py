"""SHA-256 and canonical JSON (RFC 8785): the two things every other room agrees on.

A digest is always 64 lower-case hexadecimal characters, without a prefix. Canonical JSON holds no floats that
are not exact and no integers beyond 2^53 - 1, so the same value has the same bytes in every language.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

import orjson
import rfc8785

from engine.errors import InputError

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"

DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def sha256(data: bytes | bytearray | memoryview) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def is_digest(text: object) -> bool:
    """Say whether `text` is written as this project writes digests."""
    return isinstance(text, str) and DIGEST.fullmatch(text) is not None


def canonical(value: object) -> bytes:
    """Return the one canonical JSON encoding of `value` (RFC 8785, UTF-8, no trailing newline)."""
    if _is_plain(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # a lone surrogate
            pass
    return rfc8785.dumps(value)  # type: ignore[arg-type]


_LARGEST: Final = 2**53 - 1
_MOST: Final = 1_000_000  # values at one depth; whatever goes in circles has more, or goes on for ever
_DEEPEST: Final = 200  # levels
_PLAIN: Final = frozenset({str, bool, type(None)})


def _is_plain(value: object) -> bool:
    """Say whether orjson writes `value` as RFC 8785 demands, which it does a hundred times as fast as `rfc8785`.

    It writes text, whole numbers, lists and objects alike. Numbers with a fraction it writes in its own way, and it
    sorts by code points, not by UTF-16 units: that differs outside of ASCII only.
    """
    level = [value]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for each in level:
            kind = type(each)
            if kind in _PLAIN:
                continue
            if kind is dict:
                if not _has_ascii_names(each):  # type: ignore[arg-type]
                    return False
                below += each.values()  # type: ignore[attr-defined]
            elif kind is list or kind is tuple:
                below += each  # type: ignore[arg-type]
            elif kind is not int or not -_LARGEST <= each <= _LARGEST:  # type: ignore[operator]
                return False
        if not below:
            return True
        if len(below) > _MOST:
            return False
        level = below
    return False


def _has_ascii_names(members: Mapping[object, object]) -> bool:
    try:
        return "".join(members).isascii()  # type: ignore[arg-type]
    except TypeError:  # a name that is no text
        return False


def parse_json(data: bytes, *, what: str, limit: int, values: int | None = None) -> JSON:
    """Parse untrusted JSON strictly: UTF-8, no duplicate keys, no NaN, at most `limit` bytes.

    A value of three bytes takes a hundred in memory. Where a stranger sends much at once, its values are counted before
    any is made.

    Args:
        data: the bytes as they came.
        what: the file or message, named in errors.
        limit: the largest size in bytes that makes sense for this kind of document.
        values: the most lists, objects and commas that make sense; as many as there are bytes if None.

    Raises:
        InputError: the bytes or values are too many, not UTF-8, not JSON, too deep, or repeat a key.
    """
    if len(data) > limit:
        raise _unreadable(what, f"{len(data)} bytes, where at most {limit} make sense")
    if values is not None and _has_more(data, values):
        raise _unreadable(what, f"more than {values} lists, objects and commas, where fewer make sense")
    try:
        parsed: JSON = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _unreadable(what, f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise _unreadable(what, "nested too deeply") from None
    except ValueError as error:
        raise _unreadable(what, str(error)) from None
    return parsed


_STRUCTURE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,\[{]', re.DOTALL)
"""A text, which may lack its end, or what begins a list, an object or another value. It never goes back."""


def _has_more(data: bytes, values: int) -> bool:
    """Say whether JSON has more lists, objects and commas, not counting those in texts."""
    if sum(map(data.count, (b",", b"[", b"{"))) <= values:
        return False
    texts = others = 0
    for found in _STRUCTURE.finditer(data):
        if data[found.start()] == ord('"'):
            texts += 1
        else:
            others += 1
        if (
            others > values or texts > 2 * values + 1
        ):  # each text is a name, or a value that a comma or a bracket is for
            return True
    return False


def parse_canonical(data: bytes, *, what: str, limit: int) -> JSON:
    """Parse untrusted JSON that must be canonical: encoding the result again gives the same bytes.

    Raises:
        InputError: as `parse_json`, or the encoding is not the canonical one.
    """
    value = parse_json(data, what=what, limit=limit)
    try:
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        raise _unreadable(what, f"no canonical form: {error}") from None
    if again != data:
        raise _unreadable(what, "valid JSON, but not in its canonical form (RFC 8785)")
    return value


def _no_duplicates(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        repeated = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {repeated!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unreadable(what: str, why: str) -> InputError:
    return InputError(f"{what} cannot be read: {why}", remedy="Get the file again from whoever made it.")
