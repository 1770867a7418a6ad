"""How far a destination got: one small file, replaced atomically, held by one shipper at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from engine.digest import canonical, parse_json
from engine.errors import InputError, OwnerBusy
from engine.files import write_atomic

_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """A destination's place in a log.

    Attributes:
        destination: where entries go.
        format: how they are written.
        origin: the log they come from.
        next: the first index that was not taken yet.
        until: the end of the batch that is under way; a batch is repeated with the same bounds, so that its
            idempotency key stays the same.
        leaf: hash of the leaf before `next` in hexadecimal, empty at the beginning.
    """

    destination: str
    format: str
    origin: str
    next: int = 0
    until: int = 0
    leaf: str = ""


def read_place(path: Path) -> Place | None:
    """Read a place; None if nothing was shipped yet.

    Raises:
        InputError: the file is not what this program wrote.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    found = parse_json(data, what=str(path), limit=_LIMIT)
    fields = Place.__annotations__
    if not isinstance(found, dict) or {name: type(value) for name, value in found.items()} != fields:
        raise InputError(
            f"{path} does not say how far the log was shipped",
            remedy="Delete it to ship everything again; the collector tells entries that it has by their ids.",
        )
    return Place(**found)


def write_place(path: Path, place: Place) -> None:
    """Make a place durable."""
    write_atomic(path, canonical(asdict(place)) + b"\n", mode=0o600)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the one shipper of a destination.

    Raises:
        OwnerBusy: another process ships to it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OwnerBusy(
                f"another process ships the log and holds {path}",
                remedy="Let it go on, or stop it first; give a second destination another --name.",
            ) from None
        yield
    finally:
        os.close(descriptor)
