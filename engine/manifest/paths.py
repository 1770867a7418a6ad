"""Which paths an artifact's files may have: ones that mean the same file on every machine, inside the folder.

A path is relative, with `/` between its parts, in Unicode NFC. The rules hold alike for a folder being packed and
for a manifest from a partner, so that what is received can always be written, and nothing outside can be reached.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

MAX_PATH_BYTES: Final = 1024
MAX_PART_BYTES: Final = 255  # what file systems allow for one name

# Control, format (they make a name read as another), surrogate, line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def check_path(path: str) -> str:
    """Return `path` if an artifact's file may have it.

    Raises:
        ValueError: it may not; the message says why.
    """
    if any(unicodedata.category(character) in _UNPRINTABLE for character in path):
        raise ValueError(f"{path!a} holds a control or format character, or is not UTF-8")
    if len(path.encode()) > MAX_PATH_BYTES:
        raise ValueError(f"{path[:40]!r}… is longer than {MAX_PATH_BYTES} bytes")
    if "\\" in path:
        raise ValueError(f"{path!r} holds a backslash")
    if not unicodedata.is_normalized("NFC", path):
        raise ValueError(f"{path!a} is not in Unicode NFC")
    for part in path.split("/"):
        _check_part(part, path)
    return path


def check_paths(paths: Sequence[str]) -> None:
    """Accept paths that can stand in one folder on every file system.

    Args:
        paths: each accepted by `check_path`.

    Raises:
        ValueError: they are not sorted, one stands twice, two differ in letter case only, or one is a file and
            also a folder.
    """
    for before, after in pairwise(paths):
        if before >= after:
            raise ValueError(f"{after!r} stands after {before!r}: expected paths sorted, each once")
    spellings: dict[str, str] = {}
    folders: set[str] = set()
    for path in paths:
        *parents, _ = prefixes = list(_prefixes(path))
        folders.update(parents)
        for prefix in prefixes:
            other = spellings.setdefault(_folded(prefix), prefix)
            if other != prefix:
                raise ValueError(f"{prefix!r} and {other!r} are one name on some file systems")
    both = folders.intersection(paths)
    if both:
        raise ValueError(f"{min(both)!r} is a file and also a folder")


def _check_part(part: str, path: str) -> None:
    if part in {"", ".", ".."}:
        raise ValueError(f"{path!r} is absolute, or has an empty, '.' or '..' part")
    if len(part.encode()) > MAX_PART_BYTES:
        raise ValueError(f"{path[:40]!r}… has a part longer than {MAX_PART_BYTES} bytes")
    if part.casefold().startswith(".git"):
        # Model signatures (OMS) leave these out, so nobody would vouch for them; and git runs what it finds there.
        raise ValueError(f"{path!r} belongs to git")


def _prefixes(path: str) -> Iterator[str]:
    """Yield `a`, `a/b`, `a/b/c` for `a/b/c`."""
    return accumulate(path.split("/"), lambda above, part: f"{above}/{part}")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
