"""Is an exported file evidence? Offline, from the file and the log's key alone.

Each line is read back into leaf, payload, salt and proof; the proof is verified up to a checkpoint that the key
signed, the payload against the leaf's commitment, and the line is written again: it has to be the same to the byte.
What a file leaves out, nobody can tell from it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TextIO

from engine.audit.export.formats import FORMATS, Format
from engine.audit.export.record import verify_exported
from engine.audit.note import NoteKey
from engine.errors import EvidenceError, InputError, LadingError, LogTampered

LINE_LIMIT: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """What a file proves.

    Attributes:
        format: its format.
        entries: how many entries it holds, every one proved.
        first: the lowest index, None in an empty file.
        last: the highest index.
        origins: the logs they are in.
        sizes: the sizes of the checkpoints that prove them.
    """

    format: str
    entries: int
    first: int | None
    last: int | None
    origins: tuple[str, ...]
    sizes: tuple[int, ...]


def check_export(path: Path, keys: Iterable[NoteKey]) -> CheckedExport:
    """Verify every line of an exported file.

    Args:
        path: the file.
        keys: the pinned keys of the log and of any witnesses.

    Raises:
        InputError: it is no export, or one without proofs.
        EvidenceError: a line does not prove what it shows.
    """
    pinned = list(keys)
    indexes: list[int] = []
    origins, sizes = set(), set()
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        format_ = _format(file.read(4096), path)
        file.seek(0)
        for number, line in _lines(file, format_, path):
            index, origin, size = _checked(line, number, format_, pinned, path)
            indexes.append(index)
            origins.add(origin)
            sizes.add(size)
    if sorted(set(indexes)) != indexes:
        raise LogTampered(f"{path} does not hold its entries once each and in order", remedy=_REMEDY)
    first, last = (indexes[0], indexes[-1]) if indexes else (None, None)
    return CheckedExport(format_.name, len(indexes), first, last, tuple(sorted(origins)), tuple(sorted(sizes)))


_REMEDY: Final = 'Ask for the export again: "lading audit export … --proofs".'


def _format(head: str, path: Path) -> Format:
    if head.startswith(FORMATS["csv"].opening):
        return FORMATS["csv"]
    if head.startswith("[\n"):
        return FORMATS["cloudevents"]
    if not head or head.startswith("{"):
        return FORMATS["ocsf" if head.startswith('{"activity_id":') else "jsonl"]
    raise InputError(f"{path} is no export of an audit log: it begins with {head[:20]!a}", remedy=_REMEDY)


def _lines(file: TextIO, format_: Format, path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of entries with their numbers; everything around them has to be as it is written."""
    readline = file.readline
    number = format_.opening.count("\n")
    for _ in range(number):
        readline()
    between, end = format_.between, format_.closing.partition("\n")[0]
    while line := readline(LINE_LIMIT):
        number += 1
        if format_.name == "cloudevents" and line == "]\n":
            if readline(1):
                _broken(path, number + 1, "something stands after the end")
            return
        if line.endswith(between):
            yield number, line.removesuffix(between)
        elif line.endswith(f"{end}\n"):
            yield number, line.removesuffix(f"{end}\n")
        else:
            _broken(path, number, "the line does not end as it should")
    if format_.name == "cloudevents":
        _broken(path, number, "the file ends before its list does")


def _checked(line: str, number: int, format_: Format, keys: list[NoteKey], path: Path) -> tuple[int, str, int]:
    try:
        one = format_.read(line)
    except KeyError as error:
        raise InputError(
            f"{path}, line {number} has no {error}: this is no export with proofs", remedy=_REMEDY
        ) from None
    except (ValueError, TypeError, RecursionError, LadingError) as error:
        _broken(path, number, str(error))
    try:
        checkpoint = verify_exported(one, keys).checkpoint
    except LadingError as error:
        _broken(path, number, str(error))
    if format_.write(one) != line:
        _broken(path, number, "it shows something else than its leaf and payload say")
    return one.entry.index, checkpoint.origin, checkpoint.size


def _broken(path: Path, number: int, why: str) -> NoReturn:
    raise EvidenceError(f"{path}, line {number} proves nothing: {why}", remedy=_REMEDY)
