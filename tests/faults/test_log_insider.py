"""What somebody with the log's file, or even its key, may do to it, and who notices: a table.

The file alone tells of every edit. A clean rollback, a history written anew and a fork are signed by the log's own
key: only remembered checkpoints and the partner's witness tell of those.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.audit.checkpoint import read_checkpoint
from engine.audit.fork import find_fork
from engine.audit.log import AuditLog
from engine.audit.witness import add_checkpoint_body
from engine.errors import LadingError
from tests.unit.audit.conftest import Acme, Borealis

SIZE = 300
SWAPPED_LEAVES = (
    "UPDATE event SET leaf = (SELECT leaf FROM event WHERE idx = 8) WHERE idx = 7",
    "UPDATE payload SET salt = (SELECT salt FROM payload WHERE idx = 8) WHERE idx = 7",
)
SWAPPED_PLACES = (
    "PRAGMA foreign_keys = OFF",
    *(
        f"UPDATE {table} SET idx = {new} WHERE idx = {old}"  # noqa: S608 - a test's own names
        for table in ("event", "payload")
        for old, new in ((7, 9999), (8, 7), (9999, 8))
    ),
)
SWAPPED_PAYLOADS = (
    "UPDATE payload SET idx = -1 WHERE idx = 7",
    "UPDATE payload SET idx = 7 WHERE idx = 8",
    "UPDATE payload SET idx = 8 WHERE idx = -1",
)


@dataclass(frozen=True, slots=True)
class Noticed:
    """Who notices an act: whoever verifies the file alone, or with what is remembered, and the partner's witness."""

    by_the_file: bool
    by_memory: bool
    by_the_witness: bool


EVERYBODY_ELSE = Noticed(by_the_file=False, by_memory=True, by_the_witness=True)


@dataclass
class Case:
    """Acme's honest log, which Borealis has cosigned, and a place for what an insider makes of it."""

    acme: Acme
    borealis: Borealis
    older: Path
    folder: Path

    def edited(self, *statements: str) -> Acme:
        """Edit a copy of the file without the key."""
        crooked = Acme(self.acme.copy("edited").parent)
        crooked.tamper(*statements)
        return crooked

    def grown(self, start: Path | None, purpose: str, size: int) -> Acme:
        """Write a history with the log's own key, from a copy or from nothing."""
        crooked = Acme(self.folder / "grown")
        crooked.folder.mkdir()
        if start is not None:
            crooked.path.write_bytes(start.read_bytes())
        with crooked.open() as log:
            numbers = range(log.size, size)
            log.record_many([crooked.event(number, payload={"purpose": purpose}) for number in numbers])
        return crooked

    def resigned(self) -> Acme:
        """Edit a leaf, then sign a new checkpoint over all leaves with the log's key."""
        return self.grown(None, "something else", SIZE)


ACTS: dict[str, tuple[Callable[[Case], Acme], Noticed | None]] = {
    "edit": (lambda case: case.edited("UPDATE payload SET body = CAST('{}' AS BLOB) WHERE idx = 7"), None),
    "delete": (lambda case: case.edited("DELETE FROM payload WHERE idx = 7", "DELETE FROM event WHERE idx = 7"), None),
    "swap leaves": (lambda case: case.edited(*SWAPPED_LEAVES), None),
    "reorder": (lambda case: case.edited(*SWAPPED_PLACES), None),
    "swap payloads": (lambda case: case.edited(*SWAPPED_PAYLOADS), None),
    "roll back": (lambda case: case.grown(case.older, "", 0), EVERYBODY_ELSE),
    "roll back and grow": (lambda case: case.grown(case.older, "other", SIZE + 20), EVERYBODY_ELSE),
    "fork": (lambda case: case.grown(case.older, "other", SIZE), EVERYBODY_ELSE),
    "write anew and sign": (lambda case: case.resigned(), EVERYBODY_ELSE),
}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    acme = Acme(tmp_path / "acme")
    acme.folder.mkdir()
    borealis = Borealis(tmp_path, acme)
    with acme.open() as log:
        log.record_many(acme.events(280))
    older = acme.copy("older")
    with acme.open() as log:
        log.record_many(acme.events(SIZE - 280, start=280))
        acme.remembered = [borealis.cosign(log)]
    return Case(acme, borealis, older, tmp_path)


def witness_refuses(case: Case, log: AuditLog) -> bool:
    """Ask the witness for a cosignature with the best proof that the log can make."""
    witness, note = case.borealis.witness(), log.checkpoint()
    last = witness.last(log.key.name)
    assert last is not None
    proof = log.prove_consistency(last.size, log.size) if last.size <= log.size else []
    return witness.add_checkpoint(add_checkpoint_body(last.size, proof, note)).status != 200


def kinds_found(case: Case, log: Acme, remembered: list[bytes]) -> bool:
    log.remembered = remembered
    return not log.verify(witnesses=[case.borealis.key]).ok


@pytest.mark.parametrize("act", ACTS)
def test_who_notices(case: Case, act: str) -> None:
    commit, noticed = ACTS[act]

    crooked = commit(case)

    if noticed is None:  # No witness sees the entries: an edited file is noticed by whoever has it.
        assert kinds_found(case, crooked, [])
        assert kinds_found(case, crooked, case.acme.remembered)
        return
    with crooked.open() as log:
        found = Noticed(
            by_the_file=kinds_found(case, crooked, []),
            by_memory=kinds_found(case, crooked, case.acme.remembered),
            by_the_witness=witness_refuses(case, log),
        )
    assert found == noticed


def test_an_untouched_log_is_accepted_by_all(case: Case) -> None:
    with case.acme.open() as log:
        assert not kinds_found(case, case.acme, case.acme.remembered)
        assert not witness_refuses(case, log)
        log.record_many(case.acme.events(3, start=SIZE))
        assert not witness_refuses(case, log)


def test_two_histories_of_one_size_are_proof_for_anybody(case: Case) -> None:
    commit, _ = ACTS["fork"]

    with commit(case).open() as log:
        shown = log.checkpoint()

    assert read_checkpoint(shown).size == SIZE
    assert find_fork(case.acme.remembered, shown) is not None


def test_a_log_that_was_edited_where_its_head_is_does_not_open(case: Case) -> None:
    crooked = case.edited("DELETE FROM payload WHERE idx = 299", "DELETE FROM event WHERE idx = 299")

    with closing(sqlite3.connect(crooked.path)) as db:
        assert db.execute("SELECT max(idx) FROM event").fetchone() == (298,)
    with pytest.raises(LadingError, match="damaged"):
        crooked.open()
