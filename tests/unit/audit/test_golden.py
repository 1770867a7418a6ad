"""Golden vectors: what the first release wrote must verify for ever, and the format page quotes it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import open_checkpoint
from engine.audit.entry import seal
from engine.audit.log import AuditLog
from engine.audit.merkle import Range, leaf_hash, verify_consistency
from engine.audit.note import Algorithm, NoteKey, NoteSigner, encode_base64
from engine.audit.proof import parse_hashes, verify_proof
from engine.audit.remembered import Remembered
from engine.audit.verify import verify
from engine.audit.witness import Witness
from engine.events import Event

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "audit"
VECTORS = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["log_seed"]))
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["witness_seed"]))
EVENTS = [Event(**fields) for fields in VECTORS["events"]]


def root(size: int) -> bytes:
    tree = Range()
    for leaf in VECTORS["leaves"][:size]:
        tree.append(leaf_hash(leaf.encode()))
    return tree.root()


def test_the_log_of_the_first_release_verifies(tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLDEN / "log-v1.db", tmp_path / "audit.db"))

    outcome = verify(
        path,
        key=NoteKey.parse(VECTORS["vkey"]),
        remembered=[VECTORS["checkpoint"].encode(), VECTORS["cosigned_checkpoint"].encode()],
        witnesses=[NoteKey.parse(VECTORS["witness_vkey"])],
        pseudonym_key=bytes.fromhex(VECTORS["pseudonym_key"]),
    )

    assert (outcome.problems, outcome.size) == ((), 5)


def test_the_log_of_the_first_release_can_be_continued(tmp_path: Path) -> None:
    path = Path(shutil.copy(GOLDEN / "log-v1.db", tmp_path / "audit.db"))

    with AuditLog(
        path,
        origin=VECTORS["origin"],
        key=LOG_KEY,
        pseudonym_key=bytes.fromhex(VECTORS["pseudonym_key"]),
        source=VECTORS["source"],
        clock=lambda: datetime(2026, 6, 2, tzinfo=UTC),
    ) as log:
        assert [one.known for one in log.record_many(EVENTS)] == [True] * 5
        assert [encode_base64(node) for node in log.prove(2, 5)] == VECTORS["inclusion_2_of_5"]
        assert [encode_base64(node) for node in log.prove_consistency(3, 5)] == VECTORS["consistency_3_5"]


@pytest.mark.parametrize("index", range(5))
def test_events_are_sealed_into_the_same_bytes(index: int) -> None:
    sealed = seal(
        EVENTS[index],
        source=VECTORS["source"],
        time=VECTORS["time"],
        salt=bytes.fromhex(VECTORS["salts"][index]),
        pseudonym_key=bytes.fromhex(VECTORS["pseudonym_key"]),
    )

    assert sealed.payload.decode() == VECTORS["payloads"][index]
    assert sealed.leaf.decode() == VECTORS["leaves"][index]
    assert leaf_hash(sealed.leaf).hex() == VECTORS["leaf_hashes"][index]
    assert VECTORS["tile"] == "".join(VECTORS["leaf_hashes"])


def test_checkpoints_and_cosignatures_are_signed_into_the_same_bytes() -> None:
    signer = NoteSigner(VECTORS["origin"], LOG_KEY)
    witness_name = VECTORS["witness_vkey"].split("+")[0]
    witness = NoteSigner(witness_name, WITNESS_KEY, Algorithm.COSIGNATURE)
    text, three = (f"{VECTORS['origin']}\n{size}\n{encode_base64(root(size))}\n".encode() for size in (5, 3))

    assert (signer.key.vkey, witness.key.vkey) == (VECTORS["vkey"], VECTORS["witness_vkey"])
    assert (text + b"\n" + signer.sign(text)).decode() == VECTORS["checkpoint"]
    cosigned = three + b"\n" + signer.sign(three) + witness.cosign(three, VECTORS["witness_time"])
    assert cosigned.decode() == VECTORS["cosigned_checkpoint"]


def test_the_proof_verifies() -> None:
    signed = verify_proof(VECTORS["proof"], VECTORS["leaves"][2].encode(), [NoteKey.parse(VECTORS["vkey"])])

    assert signed.checkpoint.root == root(5)
    assert verify_consistency(3, 5, root(3), root(5), parse_hashes(VECTORS["consistency_3_5"]))


def test_a_witness_that_cosigned_the_old_checkpoint_answers_the_request(tmp_path: Path) -> None:
    key = NoteKey.parse(VECTORS["vkey"])
    old = open_checkpoint(VECTORS["cosigned_checkpoint"].encode(), [key]).checkpoint
    state = tmp_path / "witness.json"
    state.write_text(json.dumps({"cosigned": [old.text().decode()]}))
    witness = Witness(
        state,
        NoteSigner("borealis.example/lading/witness", WITNESS_KEY, Algorithm.COSIGNATURE),
        {VECTORS["origin"]: key}.get,
        lambda: datetime(2026, 6, 1, tzinfo=UTC),
        Remembered(tmp_path / "seen.jsonl"),
    )

    assert witness.add_checkpoint(VECTORS["add_checkpoint"].encode()).status == 200


def test_the_format_page_quotes_the_vectors() -> None:
    page = (ROOT / "docs" / "formats" / "audit.md").read_text(encoding="utf-8")

    quoted = (
        *("vkey", "witness_vkey", "checkpoint", "cosigned_checkpoint", "proof", "add_checkpoint"),
        *("log_seed", "witness_seed", "pseudonym_key"),
    )
    for name in quoted:
        assert VECTORS[name] in page, name
    assert VECTORS["leaves"][2] in page
    assert VECTORS["payloads"][2] in page
    assert VECTORS["salts"][2] in page
