r"""CSV (RFC 4180) that nothing executes: every cell quoted, no cell a formula, nothing that a terminal obeys.

A cell that a spreadsheet could take for a formula (it begins with `=`, `+`, `-`, `@` or their wide forms, blanks
aside) or that begins with `'` gets a `'` before it. A character that does not print is written `\u{…}`, a
backslash `\\`, and an attribute that is there and empty `\e`. All of this can be undone, so proofs still hold.
"""

import re
from typing import Final

from engine.audit.entry import OPTIONAL
from engine.audit.export.record import Exported, read_back
from engine.digest import canonical, parse_json

LEAF: Final = ("time", "type", "actor", *OPTIONAL, "id", "source", "specversion", "commitment")
COLUMNS: Final = ("index", *LEAF, "name", "payload", "salt", "proof")

_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠']")  # noqa: RUF001 - the wide forms are meant
_ESCAPED: Final = re.compile(r"\\(?:u\{([0-9a-f]{1,6})\}|(\\))")
_CELL: Final = re.compile(r'"((?:[^"]+|"")*+)"(?:,|\Z)')
_LIMIT: Final = 1024 * 1024


def heading() -> str:
    """Return the first line."""
    return _line(COLUMNS)


def write(one: Exported) -> str:
    """Return the line of an entry."""
    entry = one.entry
    leaf = [harmless(entry.public[name]) or "\\e" if name in entry.public else "" for name in LEAF]
    payload = "" if entry.payload is None else canonical(entry.payload).decode()
    rest = (one.name or "", payload, one.salt or "", one.proof or "")
    return _line((str(entry.index), *leaf, *map(harmless, rest)))


def read(line: str) -> Exported:
    """Read the line of an entry that was exported with its proof."""
    cells = dict(zip(COLUMNS, (cell.replace('""', '"') for cell in _CELL.findall(line)), strict=True))
    leaf = {name: "" if cells[name] == "\\e" else original(cells[name]) for name in LEAF if cells[name]}
    text = original(cells["payload"])
    payload = parse_json(text.encode(), what="the payload", limit=_LIMIT) if text else None
    return read_back(leaf, payload, cells["salt"] or None, original(cells["proof"]))


def harmless(text: str) -> str:
    """Return a cell's text as it is written."""
    escaped = "".join(_printed(character) for character in text)
    return f"'{escaped}" if _FORMULA.match(escaped) else escaped


def original(cell: str) -> str:
    """Return the text that `harmless` made a cell of."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", cell.removeprefix("'"))


def _printed(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def _line(cells: tuple[str, ...]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
