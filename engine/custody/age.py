"""Encryption of annexes to named auditors, in the age format (age-encryption.org/v1, X25519 recipients).

Any tool that reads age opens them: `age --decrypt --identity key.txt`.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.errors import InputError, IntegrityError
from engine.files import read_regular

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

MOST_RECIPIENTS: Final = 50
KEY_FILE_LIMIT: Final = 64 << 10  # bytes of a file of recipients or identities

_RECIPIENT: Final = re.compile(r"age1[0-9a-z]{58}")
_MAKE: Final = "Make a pair with 'age-keygen -o key.txt'; it prints the recipient, age1…"


def check_recipients(texts: Iterable[str]) -> tuple[str, ...]:
    """Return recipients sorted, each once, after reading each.

    Raises:
        InputError: one is no X25519 recipient of age, or there are too many.
    """
    from pyrage.x25519 import Recipient

    found = tuple(sorted(set(texts)))
    if len(found) > MOST_RECIPIENTS:
        raise InputError(f"{len(found)} recipients, expected at most {MOST_RECIPIENTS}", remedy="Name fewer.")
    for text in found:
        try:
            if not _RECIPIENT.fullmatch(text):
                raise ValueError(text)  # noqa: TRY301 - the library says no more than that
            Recipient.from_str(text)
        except Exception:  # noqa: BLE001 - the library has an error type of its own for each way to be wrong
            raise InputError(
                f"{text[:80]!a} is no age recipient, expected age1 and 58 characters", remedy=_MAKE
            ) from None
    return found


def read_recipients(path: Path) -> tuple[str, ...]:
    """Return the recipients in a file, one a line; empty lines and those with `#` count for nothing.

    Raises:
        InputError: the file cannot be read, names nobody, or a line is no recipient.
    """
    found = check_recipients(_lines(path))
    if not found:
        raise InputError(f"{path} names no recipient", remedy=_MAKE)
    return found


def read_identities(path: Path) -> "list[Identity]":
    """Return the private keys in a file, one a line, as `age-keygen` writes it.

    Raises:
        InputError: the file cannot be read, has no key, or a line is no X25519 identity of age.
    """
    from pyrage.x25519 import Identity

    try:
        found = [Identity.from_str(line) for line in _lines(path)]
    except InputError:
        raise
    except Exception:  # noqa: BLE001 - the message must not repeat a private key
        raise InputError(f"{path} holds a line that is no age identity", remedy=_MAKE) from None
    if not found:
        raise InputError(f"{path} holds no age identity", remedy=_MAKE)
    return found


def encrypt(data: bytes, recipients: Iterable[str]) -> bytes:
    """Encrypt to every one of the recipients; each opens it alone. The same data never gives the same bytes.

    Raises:
        InputError: as `check_recipients`.
    """
    import pyrage

    keys = [pyrage.x25519.Recipient.from_str(each) for each in check_recipients(recipients)]
    return pyrage.encrypt(data, keys)


def decrypt(data: bytes, identities: "Iterable[Identity]") -> bytes | None:
    """Return what was encrypted; None if it was for others.

    Raises:
        IntegrityError: it is not what an age tool wrote.
    """
    import pyrage

    try:
        return pyrage.decrypt(data, list(identities))
    except pyrage.DecryptError as error:
        if "matching keys" in str(error).lower():
            return None
        raise IntegrityError(
            f"what should be encrypted with age does not decrypt: {error}",
            remedy="Ask whoever made it for another; no tool opens this one.",
        ) from None


def _lines(path: Path) -> list[str]:
    try:
        data = read_regular(path, KEY_FILE_LIMIT + 1)
        text = data.decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a file of age keys: {error}", remedy=_MAKE) from None
    if len(data) > KEY_FILE_LIMIT:
        raise InputError(f"{path} has more than {KEY_FILE_LIMIT} bytes, expected a file of age keys", remedy=_MAKE)
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
