"""Third-party witnesses, pinned by hand: `trust/witnesses/<name>.toml`, one file each (docs/formats/trust.md).

    vkey = "witness.example+b5a70cf3+BKJ…"
    url = "https://witness.example:8444"

A third party is nobody's partner, so no trust document vouches for it: an administrator compares its verifier key
with what its operator says by another way, and pins it. Reading never writes.
"""

import base64
import binascii
import hashlib
import ipaddress
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InputError
from engine.files import read_regular
from engine.signing.identity import check_organization
from engine.signing.reasons import brief

LIMIT: Final = 64 << 10
"""The most bytes of one pin."""

_COSIGNATURE: Final = 4  # the algorithm byte of C2SP tlog-cosignature, version 1
_VKEY: Final = re.compile(r"(?P<name>[!-*,-~]{1,200})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]{44})")
_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_REMEDY: Final = "Pin the witness again with 'lading audit witness add', or remove it."


def _cosigning_key(text: str) -> str:
    match = _VKEY.fullmatch(text)
    material = _decoded(match["key"]) if match else b""
    if match is None or material[:1] != bytes([_COSIGNATURE]):
        raise ValueError("expected a verifier key for cosignatures, name+id+key of algorithm 04")
    expected = hashlib.sha256(match["name"].encode() + b"\n" + material).digest()[:4].hex()
    if match["id"] != expected:
        raise ValueError(f"the verifier key says id {match['id']}, its bytes have {expected}")
    return text


def _submission_prefix(text: str) -> str:
    parts = urlsplit(text)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment or text.endswith("/"):
        raise ValueError("expected https://host:port without user, query and closing slash")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname)):
        raise ValueError("expected https://; plain http goes to this machine alone, such as http://127.0.0.1:8444")
    if parts.port is not None and parts.port < 1:
        raise ValueError("expected a port from 1")
    return text


def _certificates(text: str) -> str:
    if not x509.load_pem_x509_certificates(text.encode("utf-8")):
        raise ValueError("expected certificates in PEM")
    return text


class PinnedWitness(BaseModel):
    """A third party whose cosignatures count here.

    Attributes:
        name: what it is called here: in commands, and in the witness policy.
        vkey: its verifier key (C2SP signed-note), of algorithm 04.
        url: its submission prefix (C2SP tlog-witness); None for one that is asked by files.
        ca: the authorities its HTTPS certificate must chain to, PEM; None for those of the system.
        not_of: organizations whose trust documents list this key though it is not theirs, by the word of whoever pinned
            it and asked its operator.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=_NAME)]
    vkey: Annotated[str, AfterValidator(_cosigning_key)]
    url: Annotated[str, Field(pattern=r"^[!-~]{1,300}$"), AfterValidator(_submission_prefix)] | None = None
    ca: Annotated[str, Field(max_length=LIMIT // 2), AfterValidator(_certificates)] | None = None
    not_of: Annotated[tuple[Annotated[str, AfterValidator(check_organization)], ...], Field(max_length=100)] = ()

    @property
    def public(self) -> bytes:
        """Its raw Ed25519 key, 32 bytes: what makes two verifier keys the same witness."""
        return raw_key(self.vkey)


def make_pin(name: str, vkey: str, url: str | None, ca: str | None, not_of: Sequence[str] = ()) -> PinnedWitness:
    """Check what a person typed.

    Raises:
        InputError: a field is malformed.
    """
    try:
        pin = PinnedWitness(name=name, vkey=vkey, url=url, ca=ca, not_of=tuple(sorted(set(not_of))))
    except ValueError as error:  # pydantic's errors, and those of x509
        raise InputError(
            f"the witness {name!a} cannot be pinned: {_why(error)}",
            remedy='Ask whoever runs the witness for its verifier key ("lading witness key") and its address.',
        ) from None
    if name == "none":
        raise InputError(
            "no witness can be called 'none'", remedy="In a policy, that word means nobody: choose another."
        )
    return pin


def read_pins(folder: Path) -> tuple[PinnedWitness, ...]:
    """Read every pin of a folder, sorted by name.

    Raises:
        InputError: a file cannot be read or is no pin, or two pins are of one key.
    """
    pins = tuple(_read_pin(path) for path in sorted(folder.glob("*.toml")) if not path.name.startswith("."))
    seen: dict[bytes, str] = {}
    for pin in pins:
        first = seen.setdefault(pin.public, pin.name)
        if first != pin.name:
            raise InputError(
                f"{folder} pins one key twice, as {first} and as {pin.name}", remedy=f"Remove one: {_REMEDY}"
            )
    return pins


def dump_pin(pin: PinnedWitness) -> bytes:
    """Write a pin as the file a person may read."""
    fields = {"vkey": pin.vkey, "url": pin.url, "ca": pin.ca}
    # A JSON string of printable ASCII and \n is also a TOML basic string.
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if value is not None]
    lines += [f"not_of = {json.dumps(list(pin.not_of))}"] if pin.not_of else []
    return (
        "# A third party whose cosignatures count. Compare the key with its operator.\n" + "\n".join(lines) + "\n"
    ).encode()


def third_parties(pins: Iterable[PinnedWitness], party_keys: Iterable[str]) -> tuple[PinnedWitness, ...]:
    """Leave out pins whose key a party's trust document also lists: a party is no third party.

    Args:
        pins: what is pinned.
        party_keys: the verifier keys of every log and witness of ourselves and our partners.
    """
    parties = {raw_key(vkey) for vkey in party_keys}
    return tuple(pin for pin in pins if pin.public not in parties)


def raw_key(vkey: str) -> bytes:
    """Return the raw key of a verifier key that was checked before, without its name and algorithm."""
    return _decoded(vkey.split("+", 2)[2])[1:]


def _read_pin(path: Path) -> PinnedWitness:
    try:
        data = read_regular(path, LIMIT + 1)
        if len(data) > LIMIT:
            raise InputError(f"{path} has more than {LIMIT} bytes", remedy=_REMEDY)
        raw = tomllib.loads(data.decode("utf-8"))
        return PinnedWitness(name=path.stem, **raw)
    except (OSError, TypeError, ValueError) as error:  # TypeError: the file names itself
        raise InputError(f"{path} cannot be read: {_why(error)}", remedy=_REMEDY) from error


def _why(error: Exception) -> str:
    return brief(error) if isinstance(error, ValidationError) else str(error)


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
    return raw if base64.b64encode(raw).decode("ascii") == text else b""


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
