"""Private keys of a workspace: made once, kept 0600, refused when anybody else could read them."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from engine.errors import WorkspaceError
from engine.files import sync_folder, write_secret

SIGNING_KEYS = ("root-1", "root-2", "log", "witness")
SECRET_KEYS = ("store", "store-names", "pseudonym")
SECRET_BYTES = 32
NEXT = "log.next"
"""The log key that is about to take the place of `log`."""


def make_keys(folder: Path) -> None:
    """Make every key of a new workspace in `folder` (created 0700)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SIGNING_KEYS:
        _make(folder, name)
    for name in SECRET_KEYS:
        write_secret(folder / f"{name}.key", secrets.token_bytes(SECRET_BYTES))


def signing_key(folder: Path, name: str) -> Ed25519PrivateKey:
    """Load the Ed25519 key `name`.

    Raises:
        WorkspaceError: it is missing, readable by others, or not an Ed25519 key in PEM.
    """
    path = folder / f"{name}.pem"
    try:
        key = load_pem_private_key(read_secret(path), password=None)
    except ValueError as error:
        raise _broken(path, f"not a private key in PEM ({error})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _broken(path, "not an Ed25519 key")
    return key


def make_next_key(folder: Path) -> Ed25519PrivateKey:
    """Make the key of the log that comes next, `log.next.pem`; one that a crash left is made again."""
    (folder / f"{NEXT}.pem").unlink(missing_ok=True)
    return _make(folder, NEXT)


def take_next_key(folder: Path, *, keep: str | None) -> None:
    """Let `log.next.pem`, if it is there, take the place of `log.pem`.

    Args:
        folder: of the keys.
        keep: the name that the key which is replaced keeps; None to let it go.

    Raises:
        WorkspaceError: another key has that name.
    """
    following, current = folder / f"{NEXT}.pem", folder / "log.pem"
    if not following.exists():
        return
    if keep is not None:
        kept = folder / f"{keep}.pem"
        if kept.exists() and not kept.samefile(current):
            raise WorkspaceError(f"{kept} is another key", remedy="Move it away, and run the same command again.")
        if not kept.exists():
            os.link(current, kept)
            sync_folder(folder)
    following.replace(current)
    sync_folder(folder)


def secret_key(folder: Path, name: str) -> bytes:
    """Load the 32-byte secret `name`.

    Raises:
        WorkspaceError: it is missing, readable by others, or of another length.
    """
    path = folder / f"{name}.key"
    key = read_secret(path)
    if len(key) != SECRET_BYTES:
        raise _broken(path, f"{len(key)} bytes, expected {SECRET_BYTES}")
    return key


def read_secret(path: Path) -> bytes:
    """Read a private file, refusing one that group or others may touch."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise WorkspaceError(
                f"{path} has mode {mode:04o}: others on this machine could read it; expected 0600",
                remedy=f"Run 'chmod 600 {path}', and ask who may have read it.",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise _broken(path, "missing") from None
    except PermissionError:
        raise _broken(path, "not readable by this user") from None


def _make(folder: Path, name: str) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(folder / f"{name}.pem", pem)
    return key


def _broken(path: Path, why: str) -> WorkspaceError:
    return WorkspaceError(f"the key {path} is {why}", remedy="Restore it from your backup; keys are never remade.")
