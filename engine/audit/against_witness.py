"""A log held against what a witness saw of it, in the words of C2SP tlog-witness.

The first request says that the witness saw exactly this checkpoint, and proves nothing: a witness that did cosigns it
again, any other changes nothing and names the size that it saw last. If that is less, a consistency proof from there
is offered, and the witness cosigns only if what it saw is how this log begins.

A cosignature is proof. A size is a witness's bare word, which nothing is done about but to tell it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.witness import ask_for_cosignature, named_size


class Verdict(StrEnum):
    """What a witness made of a log's newest checkpoint."""

    AGREES = "agrees"
    """It saw exactly this, and cosigned it."""
    EXTENDS = "extends"
    """It had seen less, and cosigned: what it saw is how this log begins."""
    FORGOT = "forgot"
    """As EXTENDS, but it had cosigned more than it says it saw."""
    SET_BACK = "set-back"
    """It saw more than this log has."""
    FORKED = "forked"
    """It saw another root at the size of this log, or what it saw is not how this log begins."""
    CONTRADICTED = "contradicted"
    """It does not go on from the very size it names: it remembers a checkpoint that this one contradicts."""
    UNCLEAR = "unclear"
    """Its answers say nothing about what it saw."""


DISAGREEING: Final = frozenset({Verdict.SET_BACK, Verdict.FORKED, Verdict.CONTRADICTED})
COSIGNED: Final = frozenset({Verdict.AGREES, Verdict.EXTENDS, Verdict.FORGOT})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a witness answered, and what it means.

    Attributes:
        verdict: what it means.
        size: entries of the checkpoint that the witness was shown.
        seen: entries that it says it saw last; None if it did not say.
        answer: its last answer in bytes, as it came; signature lines if it cosigned.
    """

    verdict: Verdict
    size: int
    seen: int | None
    answer: bytes


def compare_with_witness(
    ask: Callable[[bytes], tuple[int, bytes]],
    prove: Callable[[int, int], list[bytes]],
    note: bytes,
    held: int,
) -> Comparison:
    """Ask a witness what it saw of a log.

    Args:
        ask: sends it a request of `add-checkpoint`; returns status and body of the answer.
        prove: returns the consistency proof between two sizes of the log.
        note: the log's newest signed checkpoint.
        held: the most entries of this log that it is known to have cosigned, 0 if none.

    Returns:
        Its verdict. Whoever asks still has to verify the cosignature in the answer.
    """
    size = read_checkpoint(note).size
    named: list[int | None] = []

    def asked(body: bytes) -> tuple[int, bytes]:
        status, answer = ask(body)
        named.append(named_size(status, answer))
        return status, answer

    status, answer = ask_for_cosignature(asked, prove, note, size)
    sizes = [each for each in named if each is not None]
    verdict = _judge(status, sizes, size, held)
    if verdict is Verdict.AGREES:
        return Comparison(verdict, size, size, answer)
    said = sizes[:1] if verdict in COSIGNED else sizes[-1:]
    return Comparison(verdict, size, next(iter(said), None), answer)


def _judge(status: int, named: Sequence[int], size: int, held: int) -> Verdict:
    """Say what the last answer means after the sizes that were named, in order."""
    match status:
        case HTTPStatus.OK if not named:
            return Verdict.AGREES
        case HTTPStatus.OK:
            return Verdict.FORGOT if named[0] < held else Verdict.EXTENDS
        case HTTPStatus.CONFLICT if named and named[-1] > size:
            return Verdict.SET_BACK
        case HTTPStatus.CONFLICT if named and named[-1] in named[:-1]:
            return Verdict.CONTRADICTED
        case HTTPStatus.CONFLICT | HTTPStatus.UNPROCESSABLE_ENTITY if named and _forked(status, named[-1], size):
            return Verdict.FORKED
    return Verdict.UNCLEAR


def _forked(status: int, named: int, size: int) -> bool:
    """Say whether a witness saw another root at this size, or refused the proof from the size that it named."""
    return status == HTTPStatus.UNPROCESSABLE_ENTITY or named == size
