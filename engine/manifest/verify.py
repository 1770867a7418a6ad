"""Hold a folder against a manifest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.findings import Finding, Severity
from engine.manifest.hashing import file_digest
from engine.manifest.manifest import Manifest
from engine.manifest.parts import FileEntry
from engine.manifest.reading import Progress, read_files
from engine.manifest.walk import Seen, opened, walk

_THREADS: Final = 2
_PACK_AGAIN: Final = "Restore the file, or pack the folder as a new version."


def verify_folder(folder: Path, manifest: Manifest, progress: Progress | None = None) -> list[Finding]:
    """Find what differs between a folder and its manifest; nothing if they agree in every byte.

    The findings' codes are `missing`, `extra`, `size-mismatch`, `mode-mismatch` and `digest-mismatch`, and what
    `walk` refuses: `symlink`, `symlink-outside`, `special-file`, `empty-folder`, `unreadable` and `path-refused`.

    Args:
        folder: the artifact's files.
        manifest: what they are said to be.
        progress: called with the bytes done and the bytes in all, by one thread at a time.

    Raises:
        ManifestError: the folder or a file in it cannot be read.
        SourceChanged: a file changed while it was read.
    """
    with opened(folder) as root:
        found = walk(root)
        present = {file.path: file for file in found.files}
        refused = {finding.subject for finding in found.refused}
        pairs = [(entry, present[entry.path]) for entry in manifest.files if entry.path in present]
        alike = [(entry, file) for entry, file in pairs if entry.size == file.size]
        digests = read_files(root, [file for _, file in alike], file_digest, progress=progress, threads=_THREADS)
    expected = {entry.path for entry in manifest.files}
    missing = [entry for entry in manifest.files if entry.path not in present and entry.path not in refused]
    return [
        *found.refused,
        *(_error("missing", entry.path, f"found no file, expected {entry.size} bytes") for entry in missing),
        *(_extra(file) for file in found.files if file.path not in expected),
        *(finding for entry, file in pairs for finding in _compared(entry, file)),
        *(
            _error("digest-mismatch", entry.path, f"found SHA-256 {digest}, expected {entry.sha256}")
            for (entry, _), digest in zip(alike, digests, strict=True)
            if digest != entry.sha256
        ),
    ]


def _compared(entry: FileEntry, file: Seen) -> Iterator[Finding]:
    if file.size != entry.size:
        yield _error("size-mismatch", entry.path, f"found {file.size} bytes, expected {entry.size}")
    if file.executable != entry.executable:
        names = {True: "an executable file", False: "a file that is not executable"}
        yield _error("mode-mismatch", entry.path, f"found {names[file.executable]}, expected {names[entry.executable]}")


def _extra(file: Seen) -> Finding:
    message = f"found a file of {file.size} bytes, expected none"
    return Finding("extra", Severity.ERROR, file.path, message, "Remove it, or pack the folder as a new version.")


def _error(code: str, path: str, message: str) -> Finding:
    return Finding(code, Severity.ERROR, path, message, _PACK_AGAIN)
