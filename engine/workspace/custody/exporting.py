"""Writing an artifact's files to a folder: all of them, verified, or none."""

import hashlib
import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import DigestMismatch, SourceChanged, StoreError, UsageError
from engine.files import sync_folder
from engine.manifest.artifact import Artifact
from engine.manifest.parts import FileEntry
from engine.signing import Signatory
from engine.store import Store

READ_BYTES = 1 << 20
Progress = Callable[[int, int], None]


def export_files(store: Store, artifact: Artifact, folder: Path, progress: Progress) -> None:
    """Write an artifact to a new folder.

    The files are written beside it and renamed into place together, so nothing half-written is ever called `folder`.

    Args:
        store: where a received artifact's bytes are.
        artifact: what to write.
        folder: absolute; it must not exist, or be empty.
        progress: called with bytes done and bytes in all.

    Raises:
        UsageError: the folder holds something.
        DigestMismatch: a file is not what the manifest says.
        SourceChanged: a file of the source folder is gone.
        StoreError: a chunk is missing, or the disk is full.
    """
    check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.parent.resolve() / f".{folder.name}.{secrets.token_hex(6)}.export"
    write = _from_source if artifact.source is not None else _from_store
    try:
        scratch.mkdir()
        done, total = 0, sum(entry.size for entry in artifact.manifest.files)
        for entry in artifact.manifest.files:
            write(store, artifact, entry, scratch / entry.path)
            done += entry.size
            progress(done, total)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror}", remedy="Look at the disk and its permissions."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync_folder(folder.parent)


def check_free(folder: Path) -> None:
    """Check that files can be written to a folder without writing over anything.

    Raises:
        UsageError: the folder holds something.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UsageError(f"{folder} exists and is not an empty folder", remedy="Name a new folder.")


def verification_commands(
    artifact: Artifact, folder: Path, bundles: Path, trust_config: Path, signatory: Signatory
) -> list[str]:
    """Return how to check the same with tools that are not lading, run from any machine with these files.

    Args:
        artifact: what was signed.
        folder: where its files are, as far as they are in a folder.
        bundles: the folder of the artifact's attestations.
        trust_config: the pinned Sigstore trust configuration of its origin.
        signatory: who signed the model.
    """
    model = ["model_signing", "verify", "sigstore", str(folder)]
    model += ["--signature", str(bundles / "model.sigstore.json"), "--trust_config", str(trust_config)]
    model += ["--identity", signatory.identity, "--identity_provider", signatory.issuer]
    manifest = ["sigstore", "--trust-config", str(trust_config), "verify", "identity"]
    manifest += ["--bundle", str(bundles / "manifest.sigstore.json"), "--cert-identity", signatory.identity]
    manifest += ["--cert-oidc-issuer", signatory.issuer, f"sha256:{artifact.root}"]
    return [shlex.join(model), shlex.join(manifest)]


def _from_store(store: Store, artifact: Artifact, entry: FileEntry, path: Path) -> None:
    scope = store.open_scope(artifact.agreement or "")
    pieces = next(file for file in artifact.chunks.files if file.path == entry.path)
    digests = [chunk.sha256 for chunk in pieces.chunks]
    store.export_file(scope, digests, path, sha256=entry.sha256, executable=entry.executable)


def _from_source(_: Store, artifact: Artifact, entry: FileEntry, path: Path) -> None:
    hasher = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o755 if entry.executable else 0o644), "wb") as target:
        for piece in _read((artifact.source or Path()) / entry.path):
            hasher.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    if hasher.hexdigest() != entry.sha256:
        raise DigestMismatch(
            f"{entry.path} has SHA-256 {hasher.hexdigest()}, expected {entry.sha256}",
            remedy="The source folder changed since it was packed: restore it, or pack a new version.",
        )


def _read(path: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise SourceChanged(
            f"{path} cannot be read: {error.strerror}",
            remedy="The source folder changed since it was packed: restore it, or pack a new version.",
        ) from None
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        while piece := source.read(READ_BYTES):
            yield piece
