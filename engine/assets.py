"""The folders that ship with lading: starter policies and samples, found in a wheel and in a checkout alike."""

from pathlib import Path

from engine.errors import LadingError


def shipped(name: str) -> Path:
    """Return the folder `policies` or `samples` as it was shipped.

    Raises:
        LadingError: the installation lacks it.
    """
    here = Path(__file__).parent
    for place in (here / "_shipped" / name, here.parent / name):
        if place.is_dir():
            return place
    raise LadingError(f"this installation has no folder {name!r}", remedy="Install lading again.")
