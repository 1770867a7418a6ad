"""The leaf that a row's columns and payload say, so that most rows are compared in one step.

To parse a leaf, write it again and compare every column takes several times as long as all hashing. Where no value
needs escaping, the canonical JSON of a leaf is its attributes between fixed pieces of text: what the leaf must be is
put together from the columns and the commitment to the payload. If it is that, byte for byte, it is canonical, its
columns repeat it, and its payload is the one it commits to. Any other row is looked at in full by whoever asked.

INVARIANT: `Likeness.holds` is true only of rows in which looking in full finds nothing wrong.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from engine.audit.entry import COLUMNS, OPTIONAL, SALT_SIZE

_SALT: Final = "salt"
_ORDER: Final = tuple(sorted((set(COLUMNS) - {"actor", "agreement", "artifact"}) | {_SALT}))
SORTED: Final = ("actor", "agreement", "artifact", _SALT, *(name for name in _ORDER if name != _SALT))
"""The columns in the order in which a leaf has its attributes, with the salt where the commitment is."""

_BLOBS: Final = "(typeof(leaf) || typeof(salt) || typeof(body) <> 'blobblobblob')"
_ODD: Final = 1 << len(SORTED)
_ABSENT: Final = " + ".join(
    [f"{_BLOBS} * {_ODD}", *(f"({name} IS NULL) * {1 << place}" for place, name in enumerate(SORTED))]
)
ROWS: Final = (
    f"SELECT event.idx, {_ABSENT}, leaf, body, {', '.join(SORTED)} FROM event"  # noqa: S608 - our own names
    " LEFT JOIN payload ON payload.idx = event.idx WHERE event.idx >= ? AND event.idx < ? ORDER BY event.idx"
)
"""Selects index, bits, leaf, payload, and the columns as `SORTED`.

A bit stands for each column that is NULL, the lowest for the first, and one above them for bytes that are none.
"""

_ESCAPED: Final = bytes(range(32)) + b"\\"


class _Form(NamedTuple):
    """What leaves with the same attributes have in common: their text, quotes in it, and where the commitment is."""

    text: bytes
    quotes: int
    place: int


class Likeness:
    """Compares the rows of one log; remembers the forms that its leaves had so far."""

    def __init__(self) -> None:
        self._forms: dict[int, _Form | None] = {}
        self._source = ""

    def learn(self, source: str) -> None:
        """Take up the source of an entry that was looked at in full; those after it likely have the same."""
        if source != self._source:
            self._source = source
            self._forms.clear()

    def holds(self, row: Sequence[Any]) -> bool:
        """Say whether a row's leaf is the one that its columns and its payload say.

        Args:
            row: as `ROWS` selects it, with text as its raw bytes.
        """
        _, absent, leaf, body, *columns = row
        try:
            form = self._forms[absent]
        except KeyError:
            form = self._forms[absent] = self._form(absent)
        if form is None:
            return False
        present = [value for value in columns if value is not None]
        salt = present[form.place]
        if len(salt) != SALT_SIZE:
            return False
        present[form.place] = sha256(salt + body).hexdigest().encode()
        try:
            said = form.text % tuple(present)
        except TypeError:  # a number in a column
            return False
        if said != leaf or leaf.count(b'"') != form.quotes or len(leaf.translate(None, _ESCAPED)) != len(leaf):
            return False
        return leaf.isascii() or _is_utf8(leaf)

    def _form(self, absent: int) -> _Form | None:
        present = [name for place, name in enumerate(SORTED) if not absent >> place & 1]
        if absent & _ODD or {*SORTED} - {*present} - {*OPTIONAL}:
            return None
        fixed = {"source": self._source.replace("%", "%%"), "specversion": "1.0"}
        names = ["commitment" if name == _SALT else name for name in present]
        attributes = {**dict.fromkeys(names, "%b"), **fixed}
        text = ",".join(f'"{name}":"{attributes[name]}"' for name in sorted(attributes))
        return _Form(f"{{{text}}}".encode(), 4 * len(attributes), names.index("commitment"))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
