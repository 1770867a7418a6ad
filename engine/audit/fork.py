r"""Forks: two signed checkpoints of one log that contradict each other, as a file anybody can check offline.

    {"format":"lading/fork/v1","kind":"same-size","known":"acme.example/lading/audit/0\n3\n…","shown":"…"}

Canonical JSON. Both notes are signed by the log's own key, so nobody else can have made them. Of the kind
`same-size` they prove by themselves that the log has two histories: one size, two roots. Of the kind `unproven` the
log was asked to show that one extends the other, and did not; whoever holds such a proof refutes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from engine.audit.note import NOTE_LIMIT, NoteKey
from engine.digest import canonical, parse_canonical, sha256
from engine.errors import InputError

FORMAT: Final = "lading/fork/v1"
LIMIT: Final = 4 * NOTE_LIMIT
"""The most bytes of a file: two notes, escaped."""

_REMEDY: Final = "Get the file again from whoever found the fork."


class ForkKind(StrEnum):
    """How two checkpoints contradict each other."""

    SAME_SIZE = "same-size"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoints of one log.

    Attributes:
        kind: what they prove.
        known: the signed note that was seen first.
        shown: the signed note that contradicts it.
    """

    kind: ForkKind
    known: bytes
    shown: bytes

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of SHA-256 over both checkpoints' texts, whoever cosigned them."""
        known, shown = self.checkpoints
        return sha256(known.text() + shown.text())[:16]

    @property
    def checkpoints(self) -> tuple[Checkpoint, Checkpoint]:
        """What the notes claim: known, shown."""
        return read_checkpoint(self.known), read_checkpoint(self.shown)

    def to_bytes(self) -> bytes:
        """Return the file."""
        return canonical(
            {"format": FORMAT, "kind": str(self.kind), "known": self.known.decode(), "shown": self.shown.decode()}
        )


def find_fork(known: Iterable[bytes], shown: bytes) -> Fork | None:
    """Return a fork of kind `same-size` among verified checkpoints of one log, or None.

    Args:
        known: signed notes seen before.
        shown: the signed note just seen.
    """
    new = read_checkpoint(shown)
    for note in known:
        old = read_checkpoint(note)
        if old.size == new.size and old.root != new.root:
            return Fork(ForkKind.SAME_SIZE, note, shown)
    return None


def parse_fork(data: bytes) -> Fork:
    """Read a file without believing it.

    Raises:
        InputError: it is no fork file, or its checkpoints do not contradict each other as it says.
    """
    value = parse_canonical(data, what="the fork file", limit=LIMIT)
    if not isinstance(value, dict) or set(value) != {"format", "kind", "known", "shown"} or value["format"] != FORMAT:
        raise _malformed(f"it is not of the format {FORMAT}")
    try:
        kind = ForkKind(str(value["kind"]))
        fork = Fork(kind, str(value["known"]).encode(), str(value["shown"]).encode())
    except (ValueError, UnicodeEncodeError):
        raise _malformed(f"its kind is {str(value['kind'])[:40]!a}, or a note is not UTF-8") from None
    old, new = fork.checkpoints
    if old.origin != new.origin:
        raise _malformed(f"its checkpoints are of two logs, {old.origin!a} and {new.origin!a}")
    if (kind is ForkKind.SAME_SIZE) != (old.size == new.size) or old == new:
        raise _malformed(f"its checkpoints of {old.size} and {new.size} entries do not contradict each other")
    return fork


def check_fork(data: bytes, keys: Sequence[NoteKey]) -> Fork:
    """Verify that one log signed both checkpoints of a fork file.

    Args:
        data: the file.
        keys: the log's key, pinned by whoever checks.

    Raises:
        InputError: it is no fork file, or proves nothing.
        BadSignature: the log did not sign both.
    """
    fork = parse_fork(data)
    for note in (fork.known, fork.shown):
        open_checkpoint(note, keys)
    return fork


def _malformed(why: str) -> InputError:
    return InputError(f"the fork file cannot be read: {why}", remedy=_REMEDY)
