"""Exporting what a filter lets through: streamed, the same bytes for the same log, whole or not at all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.export.check import check_export
from engine.audit.export.formats import FORMATS
from engine.audit.export.record import Exported
from engine.audit.note import NoteKey
from engine.audit.proof import format_proof
from engine.audit.query.find import Found, Search, find
from engine.audit.reader import LogReader, RowState
from engine.audit.schema import tampered
from engine.digest import JSON
from engine.files import replacing
from engine.workspace.log.querying import asking

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Prover:
    """Proves entries under one signed checkpoint of a log.

    Attributes:
        log: the log.
        note: the signed checkpoint with its cosignatures.
        checkpoint: what it says; its signature was verified with the pinned key.
    """

    log: LogReader
    note: bytes
    checkpoint: Checkpoint

    @classmethod
    def newest(cls, log: LogReader, keys: Iterable[NoteKey]) -> Self:
        """Return a prover under the newest checkpoint, which one of the pinned keys has to have signed."""
        note = log.newest_checkpoint()
        return cls(log, note, open_checkpoint(note, keys).checkpoint)

    def exported(self, found: Found, *, proofs: bool) -> Exported:
        """Return an entry to be exported, its leaf checked against the checkpoint.

        Raises:
            LogTampered: the row is broken; no export shows it as if it were not.
        """
        index = found.row.index
        if found.entry is None:
            raise tampered(f"entry {index} is broken: {found.why}")
        if self.log.check_row(found.row, self.checkpoint) is not RowState.PROVED:
            raise tampered(f"entry {index} is not in the tree of the signed checkpoint")
        if not proofs:
            return Exported(found.entry, None)
        return Exported(found.entry, format_proof(index, self.log.prove(index, self.checkpoint.size), self.note))


def export_log(
    home: Path,
    text: str,
    name: str,
    *,
    proofs: bool,
    output: Path | None,
    write: Callable[[str], object],
    progress: Progress = lambda _: None,
    keys: Sequence[NoteKey] = (),
    origin: str | None = None,
) -> dict[str, JSON]:
    """Export what a filter lets through, oldest first.

    Args:
        home: the workspace folder.
        text: the filter.
        name: the format, one of `engine.audit.export.formats.FORMATS`.
        proofs: add salt, proof and checkpoint to each entry.
        output: the file (0600), which appears whole or stays as it was; None to hand the text to `write`.
        write: takes pieces of the export when there is no file.
        progress: told how many indexes were gone over.
        keys: the pinned keys; none to read this organization's own trust document.
        origin: of which log; see `engine.workspace.log.record.log_named`.

    Raises:
        FilterError: the filter cannot be read.
        LogTampered: a row is broken; nothing is exported to a file then.
    """
    with asking(home, origin=origin) as questions:
        prover = Prover.newest(questions.log, keys or questions.keys())
        size = prover.checkpoint.size
        term = questions.read(text)
        source = questions.source(term, size, thorough=False, progress=progress)
        search = Search(term, source, 0, size, newest_first=False)
        counted = _Counted(size, progress)
        found = find(questions.log, search, counted.gone_over)
        lines = counted.lines(FORMATS[name].write(prover.exported(one, proofs=proofs)) for one in found)
        parts = FORMATS[name].parts(lines)
        if output is None:
            for part in parts:
                write(part)
        else:
            with replacing(output, mode=0o600) as file:
                for part in parts:
                    file.write(part.encode("utf-8"))
    return {
        "entries": counted.entries,
        "format": name,
        "proofs": proofs,
        "origin": prover.checkpoint.origin,
        "size": size,
        "file": None if output is None else str(output),
    }


def check_exported(file: Path, vkeys: list[str]) -> dict[str, JSON]:
    """Verify an exported file with the log's verifier key, and nothing else.

    Raises:
        InputError: it is no export with proofs.
        EvidenceError: a line does not prove what it shows.
    """
    checked = check_export(file, [NoteKey.parse(vkey) for vkey in vkeys])
    return {
        "format": checked.format,
        "entries": checked.entries,
        "first": checked.first,
        "last": checked.last,
        "origins": list(checked.origins),
        "checkpoints": list(checked.sizes),
    }


class _Counted:
    """Counts entries and tells how far an export is."""

    def __init__(self, size: int, progress: Progress) -> None:
        self.entries = 0
        self._done = 0
        self._size = size
        self._progress = progress

    def gone_over(self, count: int) -> None:
        self._done += count
        self._progress({"step": "exporting", "done": self._done, "total": self._size})

    def lines(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.entries += 1
            yield line
