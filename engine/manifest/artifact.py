"""An artifact this organization holds, and how people refer to it."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from engine.errors import InputError
from engine.manifest.chunks import ChunkMap
from engine.manifest.manifest import Manifest

State: TypeAlias = Literal["packed", "quarantined", "released", "rejected"]

_ROOT_PREFIX: Final = re.compile(r"[0-9a-f]{8,64}")
_NEAR: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One version of an artifact, held here.

    Attributes:
        root: root digest; what everything else refers to it by.
        name: as its origin calls it.
        version: which version of it.
        origin: the organization it comes from; this one, if it was packed here.
        source: the folder it was packed from; None for a received one, whose bytes are in the store.
        state: `packed` here; or received and `quarantined` until checks pass, then `released` or `rejected`.
        manifest: what it is.
        chunks: how its files are cut.
        transfer: the transfer that brought it last.
        agreement: digest of the agreement that transfer was made under.
        actor: who packed it; None for a received one.
        added: when it was packed or received last.
    """

    root: str
    name: str
    version: str
    origin: str
    source: Path | None
    state: State
    manifest: Manifest
    chunks: ChunkMap
    transfer: str | None
    agreement: str | None
    actor: str | None
    added: datetime

    @property
    def label(self) -> str:
        """The name people use: `sentiment:3.1`."""
        return f"{self.name}:{self.version}"

    @property
    def quarantined(self) -> bool:
        """Whether it was received, and no verdict lets anybody use it."""
        return self.state not in {"packed", "released"}


@dataclass(frozen=True, slots=True)
class Known:
    """What references are looked up in: the root digest, label and origin of an artifact."""

    root: str
    label: str
    origin: str


def resolve(ref: str, held: Sequence[Known]) -> str:
    """Return the root digest that a person means.

    Args:
        ref: a root digest, 8 or more characters that only one begins with, or `NAME:VERSION`.
        held: the artifacts there are.

    Raises:
        InputError: none or more than one matches; the remedy lists those that are near.
    """
    by_root = _ROOT_PREFIX.fullmatch(ref) is not None
    matches = [each for each in held if (each.root.startswith(ref) if by_root else each.label == ref)]
    if len(matches) == 1:
        return matches[0].root
    if matches:
        choices = ", ".join(f"{each.root[:16]} ({each.label} of {each.origin})" for each in matches[:_NEAR])
        raise InputError(
            f"{ref!r} names {len(matches)} artifacts", remedy=f"Use more of the root digest of one of: {choices}."
        )
    near = _near(ref, held)
    raise InputError(
        f"no artifact {ref!r}, expected a root digest, its first 8 characters or more, or NAME:VERSION",
        remedy=f"Did you mean {' or '.join(near)}?" if near else "List what there is with 'lading artifact list'.",
    )


def _near(ref: str, held: Sequence[Known]) -> list[str]:
    name = ref.partition(":")[0]
    same_name = sorted({each.label for each in held if each.label.partition(":")[0] == name})
    return same_name[-_NEAR:] or difflib.get_close_matches(ref, sorted({each.label for each in held}), _NEAR)
