"""A scope: everything received under one agreement, readable with one private key.

Destroying the private key makes all of it unreadable at once, wherever copies of the sealed files may be. The
scope file holds the key pair, the private half wrapped; format: `docs/formats/store.md`, "Scope file".
"""

import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from engine.digest import canonical, parse_canonical
from engine.errors import InputError, IntegrityError
from engine.store.keys import KeySource

FORMAT: Final = "lading/scope/v1"
_LIMIT: Final = 4096
_AGREEMENT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_FIELDS: Final = {"agreement", "format", "private", "public"}


@dataclass(frozen=True, slots=True)
class Scope:
    """Names a scope; holds nothing secret.

    Attributes:
        agreement: the agreement's digest, or another name of lower-case letters, digits and hyphens.
        public: the X25519 public key everything in the scope is sealed to: 32 raw bytes.
    """

    agreement: str
    public: bytes


def check_agreement(agreement: str) -> None:
    """Refuse a name that could not be a file's.

    Raises:
        InputError: the name has other characters, or more than 128.
    """
    if _AGREEMENT.fullmatch(agreement) is None:
        raise InputError(
            f"{agreement[:140]!r} cannot name a scope: 1 to 128 lower-case letters, digits and hyphens can",
            remedy="Name the agreement by its digest.",
        )


def new_scope_file(agreement: str, keys: KeySource) -> bytes:
    """Make a key pair for `agreement` and return its scope file."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    wrapped = keys.wrap(private.private_bytes_raw(), _context(agreement, public))
    return canonical({"agreement": agreement, "format": FORMAT, "private": wrapped.hex(), "public": public.hex()})


def open_scope_file(data: bytes, agreement: str, keys: KeySource) -> tuple[Scope, X25519PrivateKey]:
    """Read a scope file and unwrap its private key.

    Raises:
        InputError: the file is not canonical JSON of this format.
        IntegrityError: it belongs to another agreement, was altered, or another key wrapped it.
    """
    what = f"the scope file of {agreement}"
    fields = parse_canonical(data, what=what, limit=_LIMIT)
    if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["format"] != FORMAT:
        raise InputError(f"{what} is not of the format {FORMAT}", remedy="Restore the store's folder from a backup.")
    public, wrapped = _hexadecimal(fields["public"], what), _hexadecimal(fields["private"], what)
    if fields["agreement"] != agreement:
        raise _altered(f"{what} names the agreement {fields['agreement']!r}")
    private = X25519PrivateKey.from_private_bytes(keys.unwrap(wrapped, _context(agreement, public)))
    if private.public_key().public_bytes_raw() != public:
        raise _altered(f"{what} holds a private key that does not belong to its public key")
    return Scope(agreement, public), private


def _context(agreement: str, public: bytes) -> bytes:
    # The wrapped key opens only under the agreement and public key it was made for: swapping files is no use.
    return agreement.encode("ascii") + b"\0" + public


def _hexadecimal(value: object, what: str) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        raise _altered(f"{what} holds a key that is not hexadecimal") from None


def _altered(message: str) -> IntegrityError:
    return IntegrityError(message, remedy="Restore the store's folder from a backup.")
