"""Reading everything a scope holds, and saying what of it is intact (`lading store fsck`)."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import LadingError, StoreError
from engine.findings import Finding, Severity
from engine.store.reader import SealedFile
from engine.store.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one scope really holds.

    Attributes:
        intact: digests of the blobs that were read and have the digest they are held under.
        size: their content together, in bytes.
        findings: `blob-damaged` for what is not as it was sealed, `blob-unreadable` where the disk fails.
    """

    intact: frozenset[str]
    size: int
    findings: tuple[Finding, ...]


def take_inventory(shelf: Shelf) -> Inventory:
    """Read every byte of a scope; damage is found, never raised."""
    sizes: dict[str, int] = {}
    findings: list[Finding] = []
    for path in shelf.paths():
        try:
            file = shelf.open(path)
        except LadingError as error:
            findings.append(_finding(path, error))
        else:
            findings += _read_all(shelf, file, sizes)
    return Inventory(frozenset(sizes), sum(sizes.values()), tuple(findings))


def _read_all(shelf: Shelf, file: SealedFile, sizes: dict[str, int]) -> list[Finding]:
    findings = []
    for digest in file.entries:
        try:
            with shelf.verified(file, digest) as content:
                sizes[digest.hex()] = len(content)
        except LadingError as error:
            findings.append(_finding(file.path, error))
    return findings


def _finding(path: Path, error: LadingError) -> Finding:
    code = "blob-unreadable" if isinstance(error, StoreError) else "blob-damaged"
    return Finding(code, Severity.ERROR, f"{path.parent.name}/{path.name}", str(error), error.remedy)
