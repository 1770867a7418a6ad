"""Whatever a log and its helpers show of its checkpoints, the memory of them stays small and loses nothing known."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.audit.remembered import Remembered

LOG = NoteSigner("acme.example/lading/audit/0", Ed25519PrivateKey.from_private_bytes(b"l" * 32))


def witness(name: str, number: int) -> NoteSigner:
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return NoteSigner(f"{name}/{number}", private, Algorithm.COSIGNATURE)


KNOWN = [witness("known.example", number) for number in range(1, 4)]
UNKNOWN = [witness("unknown.example", number) for number in range(4, 8)]
KEYS = [LOG.key, *(signer.key for signer in KNOWN)]

Shown = tuple[int, int, Sequence[tuple[NoteSigner, int]]]
SHOWN = st.tuples(
    st.integers(0, 3),  # size
    st.integers(0, 1),  # which history
    st.lists(st.tuples(st.sampled_from([*KNOWN, *UNKNOWN]), st.integers(0, 2)), max_size=6),
)


def note_of(shown: Shown) -> bytes:
    size, history, cosigners = shown
    text = Checkpoint(LOG.key.name, size, bytes([history]) * 32).text()
    return text + b"\n" + LOG.sign(text) + b"".join(signer.cosign(text, time) for signer, time in cosigners)


@given(st.lists(SHOWN, max_size=25))
def test_the_memory_is_bounded_by_checkpoints_and_known_keys(all_shown: list[Shown]) -> None:
    known: dict[Checkpoint, set[NoteKey]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "remembered.jsonl"
        memory = Remembered(path)
        for shown in all_shown:
            note = note_of(shown)
            checkpoint = read_checkpoint(note)
            refused = any(each.size == checkpoint.size and each != checkpoint for each in known)
            assert (memory.keep(note, KEYS) is not None) == refused
            if not refused:
                cosigners = {one.key for one in open_checkpoint(note, KEYS).cosigned}
                known[checkpoint] = known.get(checkpoint, set()) | cosigners

        again = Remembered(path)
        assert len(again.all(LOG.key.name)) <= len(known) * len(KEYS)
        for checkpoint, cosigners in known.items():
            kept = again.of_size(LOG.key.name, checkpoint.size) or b""
            assert read_checkpoint(kept) == checkpoint
            assert {one.key for one in open_checkpoint(kept, KEYS).cosigned} == cosigners
            assert b"unknown.example" not in kept
