"""Private keys in a backup: encrypted with age to named recipients, as one document, never in the clear.

The document is canonical JSON: `format`, and `files`, which has the bytes of each file of `keys/` in base64 by its path
there. `docs/formats/backup.md` has the format.

INVARIANT: what does not decrypt, or is not such a document, puts nothing back.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from engine.custody.age import decrypt, encrypt, read_identities
from engine.digest import JSON, canonical, parse_json
from engine.errors import IntegrityError, UsageError
from engine.files import write_secret
from engine.workspace.keys import read_secret

FORMAT: Final = "lading/keys/v1"
LIMIT: Final = 4 << 20
"""The most bytes of the document, encrypted or not."""

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_DEPTH: Final = 3


def seal_keys(folder: Path, recipients: Iterable[str]) -> bytes:
    """Return all files of a folder of keys, encrypted to each of the recipients.

    Args:
        folder: `keys/`.
        recipients: age recipients (X25519), at least one.

    Raises:
        InputError: one is no recipient.
        WorkspaceError: a key can be read by others.
        UsageError: the folder has no keys, or other files than keys.
    """
    files: dict[str, JSON] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        name = path.relative_to(folder).as_posix()
        if not _is_place(name):
            raise UsageError(f"{path} has no name of a key", remedy="Move it out of the folder of keys.")
        files[name] = base64.b64encode(read_secret(path)).decode("ascii")
    document = canonical({"format": FORMAT, "files": files})
    if not files or len(document) > LIMIT // 2:
        raise UsageError(
            f"{folder} has {len(files)} files of {len(document)} bytes, expected keys",
            remedy="Put the keys there, and nothing else.",
        )
    return encrypt(document, recipients)


def open_keys(sealed: bytes, identities: Path, *, what: str) -> dict[str, bytes]:
    """Return the bytes of each key by its path in `keys/`.

    Args:
        sealed: what `seal_keys` returned, from a file that anybody may have written.
        identities: a file of age identities.
        what: names the backup in messages.

    Raises:
        InputError: the file holds no identity.
        UsageError: the keys are encrypted to others.
        IntegrityError: it is not what `seal_keys` wrote.
    """
    plain = decrypt(sealed, read_identities(identities))
    if plain is None:
        raise UsageError(
            f"the keys in {what} are encrypted to others than {identities}",
            remedy="Name the identity of one of the recipients that 'lading backup verify' lists.",
        )
    document: Any = parse_json(plain, what=f"the keys in {what}", limit=LIMIT)
    try:
        if document["format"] != FORMAT or not all(map(_is_place, document["files"])):
            raise ValueError(document["format"])  # noqa: TRY301 - all that is wrong with it is told alike
        return {name: base64.b64decode(text, validate=True) for name, text in document["files"].items()}
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        raise IntegrityError(
            f"the keys in {what} are not what lading writes ({FORMAT})",
            remedy="Use another backup; nothing was restored.",
        ) from None


def put_back(folder: Path, keys: Mapping[str, bytes]) -> None:
    """Write keys to a folder that has none (0700, files 0600), durably.

    Raises:
        FileExistsError, NotADirectoryError: one is there, or lies beneath another.
        OSError: the disk is full.
    """
    folder.mkdir(mode=0o700)
    for name, key in keys.items():
        write_secret(folder / name, key)


def _is_place(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= _DEPTH and all(_PART.fullmatch(part) for part in parts)
