"""Go's own `sumdb/note` and `tlog` read our checkpoints, proofs and tiles, and refuse what we refuse.

The program in `go/` knows nothing of lading but file names. Where Go is missing the stories are skipped, unless
`LADING_CONFORMANCE=1` asks for them, as `make conformance` does.
"""

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import Algorithm, NoteKey, NoteSigner, open_note
from engine.audit.pruning import prune
from engine.audit.reader import LogReader
from engine.audit.static import export_log
from engine.audit.tiles import TileTree
from engine.errors import LadingError
from engine.events import Event, event_id

PROGRAM = Path(__file__).parent / "go"
ORIGIN = "acme.example/lading/audit/0"
LOG = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"a" * 32))
WITNESS = NoteSigner(
    "borealis.example/lading/witness", Ed25519PrivateKey.from_private_bytes(b"b" * 32), Algorithm.COSIGNATURE
)
SIZES = (1, 2, 7, 255, 256, 257, 65_536, 66_100)
DICE = random.Random(6962)  # noqa: S311 - which entries to prove

Check = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Build the program, and return a function that asks it."""
    if shutil.which("go") is None and "LADING_CONFORMANCE" not in os.environ:
        pytest.skip("Go is not installed")
    binary = tmp_path_factory.mktemp("go") / "conformance"
    subprocess.run(["go", "build", "-mod=readonly", "-o", str(binary), "."], cwd=PROGRAM, check=True)  # noqa: S607

    def check(**request: Any) -> dict[str, Any]:
        asked = json.dumps({"Keys": [LOG.key.vkey, WITNESS.key.vkey], **request})
        done = subprocess.run([str(binary)], input=asked, capture_output=True, text=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return check


def events(first: int, end: int) -> list[Event]:
    return [
        Event(
            id=event_id("conformance", "step", number),
            type="transfer.offered",
            actor=f"person-{number % 5}@acme.example",
            partner="borealis.example",
            payload={"purpose": "Prüfung \N{SNOWMAN}", "number": number},
        )
        for number in range(first, end)
    ]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, Path]]:
    """Grow one log through `SIZES`; return its database and an export for each size."""
    home = tmp_path_factory.mktemp("log")
    made = {}
    with AuditLog(
        home / "audit.db",
        origin=ORIGIN,
        key=Ed25519PrivateKey.from_private_bytes(b"a" * 32),
        pseudonym_key=b"p" * 32,
        source="spiffe://acme.example/gateway",
        clock=lambda: datetime(2026, 6, 1, 12, tzinfo=UTC),
    ) as log:
        for size in SIZES:
            for first in range(log.size, size, 4096):
                log.record_many(events(first, min(first + 4096, size)))
            text = read_checkpoint(log.checkpoint()).text()
            log.add_cosignature(size, WITNESS.cosign(text, 1_780_315_200), WITNESS.key)
            with LogReader(home / "audit.db") as reader:
                export_log(reader, home / str(size), LOG.key)
            made[size] = (home / "audit.db", home / str(size))
    return made


def encoded(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in hashes]


def inclusion(log: LogReader, index: int, size: int) -> dict[str, Any]:
    leaf = base64.b64encode(log.entry(index).leaf).decode()
    return {"Index": index, "Leaf": leaf, "Proof": encoded(log.prove(index, size))}


def consistency(log: LogReader, old: int, new: int) -> dict[str, Any]:
    tree = TileTree(lambda level, number: log.tile(level, number, 256) or longest(log, level, number))
    roots = {"OldRoot": tree.root(old), "NewRoot": tree.root(new)}
    return {
        "Old": old,
        "New": new,
        "Proof": encoded(log.prove_consistency(old, new)),
        **{name: base64.b64encode(root).decode() for name, root in roots.items()},
    }


def longest(log: LogReader, level: int, number: int) -> bytes:
    return next((found for width in range(255, 0, -1) if (found := log.tile(level, number, width))), b"")


@pytest.mark.parametrize("size", SIZES)
def test_go_accepts_checkpoint_tiles_and_proofs_and_proves_the_same(
    go: Check, exported: dict[int, tuple[Path, Path]], size: int
) -> None:
    database, folder = exported[size]
    indices = {0, size - 1, size // 2, *(DICE.randrange(size) for _ in range(40))}
    sizes = {1, size, *(DICE.randrange(1, size + 1) for _ in range(20))}
    with LogReader(database) as log:
        answer = go(
            Folder=str(folder),
            Inclusion=[inclusion(log, index, size) for index in sorted(indices)],
            Consistency=[consistency(log, old, size) for old in sorted(sizes)],
        )

    assert answer["Problems"] == []
    assert (answer["Origin"], answer["Size"]) == (ORIGIN, size)
    assert answer["Signers"] == [ORIGIN, WITNESS.key.name]


@pytest.mark.parametrize("minimum", [256, 300, 65_536, 65_999, 66_100])
def test_go_proves_from_a_pruned_folder_all_that_the_specification_promises(
    go: Check, exported: dict[int, tuple[Path, Path]], tmp_path: Path, minimum: int
) -> None:
    database, folder = exported[66_100]
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    with LogReader(database) as log:
        assert prune(log, copy, minimum, 66_100) > 0
        indices = {min(minimum, 66_099), 66_099, *(DICE.randrange(min(minimum, 66_099), 66_100) for _ in range(20))}
        sizes = {minimum, 66_100, *(DICE.randrange(minimum, 66_101) for _ in range(20))}
        answer = go(
            Folder=str(copy),
            Minimum=minimum,
            Inclusion=[inclusion(log, index, 66_100) for index in sorted(indices)],
            Consistency=[consistency(log, old, 66_100) for old in sorted(sizes)],
        )

    assert answer["Problems"] == []


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000.p/1", "tile/entries/000", "checkpoint"])
def test_go_finds_one_altered_byte(
    go: Check, exported: dict[int, tuple[Path, Path]], tmp_path: Path, path: str
) -> None:
    database, folder = exported[257]
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    data = bytearray((copy / path).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / path).write_bytes(data)

    with LogReader(database) as log:
        answer = go(Folder=str(copy), Inclusion=[inclusion(log, 100, 257)])

    assert answer["Problems"]


def test_go_does_not_accept_a_proof_of_another_entry(go: Check, exported: dict[int, tuple[Path, Path]]) -> None:
    database, folder = exported[257]
    with LogReader(database) as log:
        claim = inclusion(log, 3, 257) | {"Index": 4}

    problems = go(Folder=str(folder), Inclusion=[claim])["Problems"]

    assert any(problem.startswith("inclusion of 4: ") for problem in problems)


def opens(note: bytes, keys: list[NoteKey]) -> bool:
    try:
        open_note(note, keys)
    except LadingError:
        return False
    return True


def test_go_and_lading_open_the_same_notes(go: Check, exported: dict[int, tuple[Path, Path]]) -> None:
    """Random damage to a cosigned checkpoint: neither accepts what the other refuses."""
    whole = (exported[257][1] / "checkpoint").read_bytes()
    notes = [whole, LOG.key.vkey.encode(), b"", whole + whole, whole.replace(b"\n\n", b"\n\n\n")]
    for _ in range(2000):
        note = bytearray(whole)
        place, kind = DICE.randrange(len(note)), DICE.randrange(4)
        if kind == 0:
            note[place] ^= 1 << DICE.randrange(8)
        elif kind == 1:
            del note[place]
        elif kind == 2:
            note.insert(place, DICE.choice(b"\n +=\xe2A\0"))
        else:
            note[place:] = b""
        notes.append(bytes(note))

    ours = [opens(note, [LOG.key, WITNESS.key]) for note in notes]
    theirs = go(Notes=[base64.b64encode(note).decode() for note in notes])["Opened"]

    assert ours[0]
    assert [note for note, we, they in zip(notes, ours, theirs, strict=True) if we != they] == []


def test_go_signs_as_we_do(exported: dict[int, tuple[Path, Path]]) -> None:
    """The cosigned checkpoint that Go opened is the one we open."""
    note = (exported[66_100][1] / "checkpoint").read_bytes()

    signed = open_checkpoint(note, [LOG.key, WITNESS.key])

    assert signed.checkpoint.size == 66_100
    assert [each.key for each in signed.cosigned] == [WITNESS.key]
