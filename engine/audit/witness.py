"""The witness (C2SP tlog-witness): cosigns a partner's checkpoint only if it extends the last one seen.

A log that shows different histories to different partners cannot get both cosigned here, and one that was rolled
back cannot get anything cosigned.

A checkpoint passes three steps, each durable before the next: it is remembered as its log signed it, the state says
that it was cosigned, the cosignature leaves. A witness that ends between the first two remembers what it has not
cosigned: the log asks again, and gets its cosignature for the same root. One that ends between the last two has
cosigned what nobody got: the log is told the size, and asks again from there.

INVARIANTS
- The sizes cosigned for an origin never shrink, and each cosigned tree extends the one before.
- What was cosigned is durable before the cosignature leaves, and so is its log's signature: it proves a fork later.
- Of two checkpoints of one size at most one is remembered, and no other is cosigned.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from engine.audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, parse_decimal, read_checkpoint
from engine.audit.fork import Fork
from engine.audit.merkle import EMPTY_ROOT, verify_consistency
from engine.audit.note import NOTE_LIMIT, Algorithm, NoteKey, NoteSigner, encode_base64
from engine.audit.proof import parse_hashes
from engine.audit.remembered import Remembered, check_size
from engine.digest import canonical, parse_json
from engine.errors import BadSignature, InputError, LogTampered
from engine.events import Clock
from engine.files import write_atomic

BODY_LIMIT: Final = NOTE_LIMIT + 8 * 1024
"""The largest request that is looked at, in bytes."""

TRIES: Final = 3
"""How often a witness that names another size is asked again."""

LARGEST_SIZE: Final = 2**63 - 1
"""The most entries that a log can have (C2SP tlog-checkpoint)."""

_STATE_LIMIT: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A witness's HTTP answer: the status, and the body in bytes."""

    status: int
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type that tlog-witness asks for."""
        return "text/x.tlog.size" if self.status == HTTPStatus.CONFLICT else "text/plain; charset=utf-8"


class Witness:
    """Cosigns other organizations' checkpoints. Threads may share it; no two processes may.

    Args:
        path: keeps what was cosigned last for each origin, as canonical JSON.
        signer: cosigns, with a key of the algorithm `COSIGNATURE`.
        key_of: returns the pinned key of a log by its origin, None for logs that are not witnessed here.
        clock: tells the time of cosignatures.
        remembered: keeps every checkpoint, as its log signed it, before it is cosigned.

    Raises:
        LogTampered: the file at `path` is not what a witness wrote.
    """

    def __init__(
        self,
        path: Path,
        signer: NoteSigner,
        key_of: Callable[[str], NoteKey | None],
        clock: Clock,
        remembered: Remembered,
    ) -> None:
        if signer.key.algorithm is not Algorithm.COSIGNATURE:
            raise InputError(
                f"the key of {signer.key.name} is not one for cosignatures",
                remedy="Give the witness a key of its own; a log's key must not cosign.",
            )
        self._path = path
        self._signer = signer
        self._key_of = key_of
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._cosigned = _load(path)

    @property
    def key(self) -> NoteKey:
        """The public key that verifies this witness's cosignatures."""
        return self._signer.key

    def last(self, origin: str) -> Checkpoint | None:
        """Return the checkpoint that was cosigned last for a log, or None."""
        return self._cosigned.get(origin)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request of `add-checkpoint`.

        Returns:
            200 with the cosignature line; 400 malformed, the old size is above the new, or that is more than
            can be remembered; 403 not signed by the log; 404 unknown origin; 409 the old size is not the last one
            (with the last size as body), or a checkpoint of the same size with another root is remembered; 422 the
            new tree does not extend the last.

        Raises:
            LogTampered, OSError: the memory is damaged, or cannot be written; nothing was cosigned.
        """
        try:
            old, proof, note = _parse_body(body)
            claimed = read_checkpoint(note)
            check_size(claimed)
        except InputError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        key = self._key_of(claimed.origin)
        if key is None:
            return _refusal(HTTPStatus.NOT_FOUND, f"the log {claimed.origin!a} is not witnessed here")
        try:
            checkpoint = open_checkpoint(note, [key]).checkpoint
        except InputError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        except BadSignature as error:
            return _refusal(HTTPStatus.FORBIDDEN, str(error))
        if old > checkpoint.size:
            return _refusal(HTTPStatus.BAD_REQUEST, f"old size {old} is above the size {checkpoint.size}")
        with self._lock:
            return self._advance(old, proof, checkpoint, partial(self._remembered.keep, note, [key]))

    def _advance(self, old: int, proof: Sequence[bytes], new: Checkpoint, keep: Callable[[], Fork | None]) -> Answer:
        last = self._cosigned.get(new.origin, Checkpoint(new.origin, 0, EMPTY_ROOT))
        if old != last.size or (new.size == last.size and new.root != last.root):
            return Answer(HTTPStatus.CONFLICT, b"%d\n" % last.size)
        if not verify_consistency(last.size, new.size, last.root, new.root, proof):
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the proof does not show that the log only grew")
        if keep() is not None:
            return Answer(HTTPStatus.CONFLICT, b"%d\n" % last.size)
        if self._cosigned.get(new.origin) != new:
            cosigned = self._cosigned | {new.origin: new}
            _save(self._path, cosigned)
            self._cosigned = cosigned
        return Answer(HTTPStatus.OK, self._signer.cosign(new.text(), int(self._clock().timestamp())))


def add_checkpoint_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the request that asks a witness for a cosignature.

    Args:
        old: the size that the witness cosigned last, 0 if none.
        proof: the consistency proof from there, empty if `old` is 0 or the checkpoint's own size.
        note: the signed checkpoint.
    """
    lines = [f"old {old}", *map(encode_base64, proof), "", ""]
    return "\n".join(lines).encode() + note


def ask_for_cosignature(
    ask: Callable[[bytes], tuple[int, bytes]],
    prove: Callable[[int, int], list[bytes]],
    note: bytes,
    old: int = 0,
) -> tuple[int, bytes]:
    """Ask a witness to cosign a checkpoint, and again from the size that it says it knows.

    Args:
        ask: sends it a request; returns status and body of the answer.
        prove: returns the consistency proof between two sizes of the log.
        note: the signed checkpoint.
        old: the size that it cosigned last, as far as is known.

    Returns:
        Status and body of its last answer; the cosignature line if the status is 200.
    """
    size = read_checkpoint(note).size
    status, answer = 0, b""
    for _ in range(TRIES):
        proof = prove(old, size) if 0 < old < size else []
        status, answer = ask(add_checkpoint_body(old, proof, note))
        known = named_size(status, answer)
        if known is None or known > size or known == old:
            break
        old = known
    return status, answer


def named_size(status: int, answer: bytes) -> int | None:
    """Return the size that a witness says it cosigned last; None if it answers anything else, or no size of a log."""
    if status != HTTPStatus.CONFLICT:
        return None
    try:
        size = parse_decimal(answer.decode("ascii").strip(), what="the size of a witness")
    except (UnicodeDecodeError, InputError):
        return None
    return size if size <= LARGEST_SIZE else None


def _parse_body(body: bytes) -> tuple[int, tuple[bytes, ...], bytes]:
    if len(body) > BODY_LIMIT:
        raise InputError(f"{len(body)} bytes are too many", remedy="Send one checkpoint with its proof.")
    head, _, note = body.partition(b"\n\n")
    old, *lines = head.decode("utf-8", "replace").split("\n")
    if not old.startswith("old "):
        raise InputError("the first line is not 'old N'", remedy="Send a request as tlog-witness describes it.")
    return parse_decimal(old.removeprefix("old "), what="the old size"), parse_hashes(lines), note


def _refusal(status: HTTPStatus, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode("utf-8", "replace"))


def _load(path: Path) -> dict[str, Checkpoint]:
    """Read the state; a file that cannot be read must not become an empty one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        state: Any = parse_json(data, what=f"the witness's state {path}", limit=_STATE_LIMIT)
        cosigned = [parse_checkpoint(text.encode("utf-8")) for text in state["cosigned"]]
    except (TypeError, KeyError, ValueError, AttributeError, InputError) as error:
        raise LogTampered(
            f"the witness's state {path} is damaged",
            remedy="Restore it from a backup; a witness without its memory would cosign a rolled-back log.",
        ) from error
    return {checkpoint.origin: checkpoint for checkpoint in cosigned}


def _save(path: Path, cosigned: Mapping[str, Checkpoint]) -> None:
    texts = sorted(checkpoint.text().decode() for checkpoint in cosigned.values())
    write_atomic(path, canonical({"cosigned": texts}), mode=0o600)
