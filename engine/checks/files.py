"""Are the files the ones the manifest describes: in the source folder, in an offer, in the store?"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.errors import LadingError
from engine.findings import Finding, Severity
from engine.manifest import FileEntry, Manifest, parse_chunk_map, parse_manifest, verify_folder

ReadFile = Callable[[FileEntry], Iterable[bytes | memoryview]]
"""Gives the bytes of one file of a manifest, in order, in pieces of any size."""


def source_files(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Find what differs between a folder and the manifest that was made of it.

    Args:
        folder: where the sender has the files.
        manifest: what they are said to be.
    """
    try:
        yield from verify_folder(folder, manifest)
    except (OSError, LadingError) as error:
        yield Finding(
            "folder-unreadable",
            Severity.ERROR,
            str(folder),
            f"the folder cannot be checked: {error}; expected the {len(manifest.files)} files of the manifest",
            "Make the folder readable and leave it alone while it is checked.",
        )


def offered_files(manifest: bytes, chunks: bytes) -> Iterator[Finding]:
    """Find out whether an offer's manifest and chunk map are whole and agree with each other.

    Args:
        manifest: canonical bytes, as offered.
        chunks: canonical bytes of the chunk map, as offered.
    """
    try:
        described = parse_manifest(manifest)
    except LadingError as error:
        yield _unacceptable("manifest-unreadable", "manifest", error)
        return
    try:
        parse_chunk_map(chunks, described)
    except LadingError as error:
        yield _unacceptable("chunk-map-inconsistent", "chunk map", error)


def arrived_files(manifest: Manifest, read: ReadFile) -> Iterator[Finding]:
    """Hash every file again from what is stored, and find what is not as the manifest says.

    Args:
        manifest: what the files are said to be.
        read: gives a file's bytes; what it raises becomes a finding about that file.
    """
    for entry in manifest.files:
        try:
            yield from _arrived(entry, read(entry))
        except (OSError, LadingError) as error:
            yield Finding(
                "file-unreadable",
                Severity.ERROR,
                entry.path,
                f"found no readable content ({error}), expected {entry.size} bytes with SHA-256 {entry.sha256}",
                "Ask for the missing chunks again.",
            )


def _arrived(entry: FileEntry, pieces: Iterable[bytes | memoryview]) -> Iterator[Finding]:
    hasher, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > entry.size:
            break  # More than was promised: what follows is not worth reading.
        hasher.update(piece)
    if size != entry.size:
        found = f"more than {entry.size}" if size > entry.size else str(size)
        yield _altered("size-mismatch", entry, f"found {found} bytes, expected {entry.size}")
    elif hasher.hexdigest() != entry.sha256:
        found = hasher.hexdigest()
        yield _altered("digest-mismatch", entry, f"found SHA-256 {found}, expected {entry.sha256}")


def _altered(code: str, entry: FileEntry, message: str) -> Finding:
    return Finding(code, Severity.ERROR, entry.path, message, "Keep it in quarantine and ask for it again.")


def _unacceptable(code: str, subject: str, error: LadingError) -> Finding:
    return Finding(code, Severity.ERROR, subject, f"found {error}", error.remedy)
