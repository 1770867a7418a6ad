"""What reads bytes of strangers, with genuine samples of each.

A target may refuse bytes by an error of this project, and by nothing else. What a target accepts, it returns; where
evidence is signed, bytes that were changed are accepted only if they say what a genuine sample says.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.entry import parse_leaf
from engine.audit.export.check import check_export
from engine.audit.fork import check_fork, parse_fork
from engine.audit.log import AuditLog
from engine.audit.merkle import HASH_SIZE, leaf_hash
from engine.audit.note import Algorithm, NoteKey, NoteSigner, open_note
from engine.audit.proof import verify_proof
from engine.audit.query.cursor import Cursor, bound, read_cursor
from engine.audit.query.parse import Asker, parse
from engine.audit.quorum import parse_policy
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.static import StaticLog, export_log
from engine.audit.tiles import TileTree
from engine.audit.witness import Witness
from engine.errors import InputError, LadingError
from engine.events import Event

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests" / "golden"
VECTORS: Final[dict[str, Any]] = json.loads((GOLDEN / "audit" / "vectors.json").read_text(encoding="utf-8"))
LOG: Final = NoteKey.parse(VECTORS["vkey"])
WITNESS: Final = NoteKey.parse(VECTORS["witness_vkey"])
NOON: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
TRUST: Final = ROOT / "samples" / "trust"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader.

    Attributes:
        name: what it reads.
        samples: genuine bytes.
        read: takes bytes, and returns what they say; raises `LadingError` for what it refuses.
        signed: whether what it returns is proved by a signature.
    """

    name: str
    samples: tuple[bytes, ...]
    read: Callable[[bytes], object]
    signed: bool = True

    def accepted(self, data: bytes) -> bool:
        """Read bytes of a stranger; say whether they were accepted.

        Raises:
            AssertionError: they say something that nobody signed.
        """
        try:
            said = self.read(data)
        except LadingError:
            return False
        if self.signed and data not in self.samples:
            assert said in [self.read(sample) for sample in self.samples], f"{self.name} believes what nobody signed"
        return True


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _in_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def check(data: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="lading-fuzz-") as folder:
            (Path(folder) / "file").write_bytes(data)
            return read(Path(folder) / "file")

    return check


def _note(data: bytes) -> object:
    return open_note(data, [LOG, WITNESS]).text


def _witnessed(data: bytes) -> object:
    """Ask a witness that has cosigned three entries, and return what it has cosigned then."""
    with tempfile.TemporaryDirectory(prefix="lading-fuzz-") as folder:
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["witness_seed"]))
        signer = NoteSigner(WITNESS.name, private, Algorithm.COSIGNATURE)
        remembered = Remembered(Path(folder) / "seen.jsonl")
        witness = Witness(Path(folder) / "witness.json", signer, {LOG.name: LOG}.get, lambda: NOON, remembered)
        assert witness.add_checkpoint(b"old 0\n\n" + VECTORS["cosigned_checkpoint"].encode()).status == 200
        answer = witness.add_checkpoint(data)
        last = witness.last(LOG.name)
    known = {read_checkpoint(VECTORS[name].encode()) for name in ("checkpoint", "cosigned_checkpoint")}
    assert last in known, "a witness cosigned what the log never signed"
    assert (answer.status == 200) <= (answer.body.startswith("— ".encode()))
    if answer.status != 200:
        raise InputError("the witness refused", remedy="Ask otherwise.")
    return last in known


def _fork_read(data: bytes) -> object:
    return parse_fork(data).checkpoints


def _exported(path: Path) -> object:
    """Leaving lines out cannot be told from the file: what counts is which entries it proves."""
    return check_export(path, [LOG]).entries <= 1


def _static_log() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="lading-fuzz-") as name:
        folder = Path(name)
        log = AuditLog(
            folder / "audit.db",
            origin=LOG.name,
            key=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["log_seed"])),
            pseudonym_key=bytes.fromhex(VECTORS["pseudonym_key"]),
            source=VECTORS["source"],
            clock=lambda: NOON,
        )
        with log:
            log.record_many([Event(**fields) for fields in VECTORS["events"]])
        with LogReader(folder / "audit.db") as reader:
            export_log(reader, folder / "static", LOG)
        static = folder / "static"
        return {str(p.relative_to(static)): p.read_bytes() for p in sorted(static.rglob("*")) if p.is_file()}


STATIC: Final = _static_log()


def _in_static_folder(changed: str) -> Callable[[bytes], object]:
    def check(data: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="lading-fuzz-") as name:
            for path, body in (STATIC | {changed: data}).items():
                (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(name) / path).write_bytes(body)
            return StaticLog(Path(name), [LOG]).verify()

    return check


def _tile(data: bytes) -> object:
    """Compute a root from one tile, as a consistency proof by tiles does; it is compared with a signed one."""
    root = TileTree.by_path(lambda _: data, 5).root(5)
    if root != read_checkpoint(VECTORS["checkpoint"].encode()).root:
        raise InputError("the tile has another root", remedy="Get it again.")
    return root


def _cursor(data: bytes) -> object:
    return read_cursor(_decoded(data), filter_text="type:x", origin=LOG.name, size=9)


# What follows imports much: the other targets start without it.


def _bill(data: bytes) -> object:
    from engine.custody.account import verify_bill

    return verify_bill(data, TRUST)


def _bill_read(data: bytes) -> object:
    from engine.custody.bill import parse_bill

    return parse_bill(data)


def _backup(path: Path) -> object:
    from engine.workspace.keeping.restoring import verify_backup

    return verify_backup(path)


CURSOR: Final = Cursor(bound("type:x", LOG.name), NOON.isoformat(), 7, newest_first=True, next=3).text()
BILL: Final = (ROOT / "samples" / "handoff.bill.json").read_bytes()
_FILTERS: Final = (b"type:decision.deny since:2h", b'-(actor:"a b" or entry:1..3) fraud*', b"")
_POLICY: Final = f"log {VECTORS['vkey']}\nwitness w1 {VECTORS['witness_vkey']}\ngroup g any w1\nquorum g\n".encode()


def _golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def _vectors(*names: str) -> tuple[bytes, ...]:
    return tuple(VECTORS[name].encode() for name in names)


_LEAF: Final = VECTORS["leaves"][2].encode()
_HASHES: Final = bytes.fromhex(VECTORS["tile"])
assert len(_HASHES) == 5 * HASH_SIZE
assert leaf_hash(_LEAF) == _HASHES[2 * HASH_SIZE : 3 * HASH_SIZE]

TARGETS: Final = {
    target.name: target
    for target in (
        Target("note", _vectors("checkpoint", "cosigned_checkpoint"), _note),
        Target(
            "checkpoint",
            _vectors("checkpoint", "cosigned_checkpoint"),
            lambda data: open_checkpoint(data, [LOG, WITNESS]).checkpoint,
        ),
        Target("verifier-key", _vectors("vkey", "witness_vkey"), lambda data: NoteKey.parse(_decoded(data)), False),
        Target("proof", _vectors("proof"), lambda data: verify_proof(_decoded(data), _LEAF, [LOG]).checkpoint),
        Target("tile", (_HASHES,), _tile),
        Target("leaf", tuple(leaf.encode() for leaf in VECTORS["leaves"]), parse_leaf, False),
        Target("add-checkpoint", _vectors("add_checkpoint"), _witnessed),
        Target("fork", (_golden("audit/fork-v1.json"),), lambda data: check_fork(data, [LOG]).checkpoints),
        Target("fork-unsigned", (_golden("audit/fork-v1.json"),), _fork_read, False),
        Target("witness-policy", (_POLICY,), parse_policy, False),
        *(Target(f"static-{path}", (body,), _in_static_folder(path)) for path, body in STATIC.items()),
        *(
            Target(f"export-{kind}", (_golden(f"audit/export-v1.{kind}"),), _in_file(_exported))
            for kind in ("jsonl", "csv", "json", "ocsf")
        ),
        Target("bill", (BILL,), _bill),
        Target("bill-unsigned", (BILL,), _bill_read, False),
        Target("backup", (_golden("backup/backup-v1.tar"),), _in_file(_backup), False),
        Target("filter", _FILTERS, lambda data: parse(_decoded(data), Asker(NOON, lambda name: name)), False),
        Target("cursor", (CURSOR.encode(),), _cursor, False),
    )
}
