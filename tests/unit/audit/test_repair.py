"""Repair rebuilds what is derived from the leaves, and keeps its hands off everything else."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from engine.audit import schema
from engine.audit.erasure import erasure_events
from engine.audit.fsck import Beside, fsck
from engine.audit.milestone import set_milestone
from engine.audit.reader import LogReader
from engine.audit.repair import Rebuilt, repair
from engine.audit.search import SearchIndex
from engine.audit.verification import Kind
from engine.errors import LogTampered
from tests.unit.audit.conftest import Acme, Borealis

LOST_FROM_INDEX = (
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', 'NOT NULL AND idx <> 5') WHERE name = 'event_partner'",
    "PRAGMA writable_schema = RESET",
    "REINDEX event_partner",
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_master SET sql = replace(sql, ' AND idx <> 5', '') WHERE name = 'event_partner'",
    "PRAGMA writable_schema = RESET",
)
"""Takes entry 5 out of an index that goes on looking whole."""

DERIVED = [
    (["UPDATE event SET actor = 'nobody', partner = NULL WHERE idx IN (5, 6)"], Rebuilt(columns=2)),
    (["UPDATE event SET id = 'other' WHERE idx = 5"], Rebuilt(columns=1)),
    (
        [
            "CREATE TEMP TABLE kept AS SELECT idx, id FROM event WHERE idx IN (5, 690)",
            "UPDATE event SET id = idx WHERE idx IN (5, 690)",
            "UPDATE event SET id = (SELECT id FROM kept WHERE kept.idx = 695 - event.idx) WHERE idx IN (5, 690)",
        ],
        Rebuilt(columns=2),
    ),
    (["UPDATE event SET type = CAST(x'ff' AS TEXT) WHERE idx = 5"], Rebuilt(columns=1)),
    (["DELETE FROM tile"], Rebuilt(tiles=4)),
    (["UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1"], Rebuilt(tiles=1)),
    (["UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 1 OR number = 0"], Rebuilt(tiles=2)),
    (["UPDATE tile SET hashes = zeroblob(64) WHERE number = 2"], Rebuilt(tiles=1)),
    (["INSERT INTO tile VALUES (2, 0, x'00'), (-1, 7, x'00')"], Rebuilt(tiles=2)),
    (["DROP INDEX event_transfer"], Rebuilt(indexes=True)),
    (LOST_FROM_INDEX, Rebuilt(indexes=True)),
    (
        ["UPDATE event SET decision = 'deny'", "DELETE FROM tile WHERE number = 2", *LOST_FROM_INDEX],
        Rebuilt(columns=700, tiles=1, indexes=True),
    ),
]

NOT_DERIVED = [
    ("UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB) WHERE idx = 5", "entry 5"),
    ("UPDATE event SET leaf = x'7b7d' WHERE idx = 5", "entry 5"),
    ("DELETE FROM event WHERE idx = 5", "entry 5"),
    ("UPDATE event SET idx = 900 WHERE idx = 699", "entry 699"),
    ("DELETE FROM payload WHERE idx = 5", "entry 5"),
    ("UPDATE payload SET body = x'7b7d' WHERE idx = 5", "entry 5"),
    ("UPDATE payload SET salt = zeroblob(32) WHERE idx = 5", "entry 5"),
    ("DELETE FROM checkpoint", "checkpoint"),
    ("UPDATE checkpoint SET note = x'00' WHERE size = 300", "checkpoint 300"),
    ("DELETE FROM cosignature", "checkpoint 300"),
    ("UPDATE cosignature SET line = line || line", "cosignature 300"),
    ("UPDATE meta SET value = 'eve' WHERE name = 'origin'", "meta 'origin'"),
    ("CREATE VIEW mine AS SELECT 1", "mine"),
    ("PRAGMA user_version = 7", "user_version"),
]


@pytest.fixture
def log_of_700(acme: Acme, borealis: Borealis) -> Acme:
    """A log of 700 entries, cosigned at 300, its newest checkpoint remembered."""
    with acme.open() as log:
        log.record_many(acme.events(300))
        borealis.cosign(log)
        log.record_many(acme.events(400, start=300))
        acme.remembered.append(log.checkpoint())
    return acme


def repaired(acme: Acme, borealis: Borealis, **how: Any) -> Rebuilt:
    with closing(schema.open_writer(acme.path)) as db:
        return repair(db, key=acme.key, remembered=acme.remembered, witnesses=[borealis.key], **how)


def evidence(acme: Acme) -> Iterator[list[Any]]:
    with closing(schema.open_reader(acme.path)) as db:
        for rows in ("idx, leaf FROM event", "* FROM payload", "* FROM checkpoint", "* FROM cosignature"):
            yield db.execute(f"SELECT {rows} ORDER BY 1").fetchall()


@pytest.mark.parametrize(("statements", "rebuilt"), DERIVED)
def test_what_is_derived_is_rebuilt_and_the_evidence_stays(
    log_of_700: Acme, borealis: Borealis, statements: list[str], rebuilt: Rebuilt
) -> None:
    before = list(evidence(log_of_700))
    log_of_700.tamper(*statements)
    assert not log_of_700.verify(witnesses=[borealis.key]).ok

    damaged = log_of_700.path.read_bytes()
    assert repaired(log_of_700, borealis, dry_run=True) == rebuilt
    assert log_of_700.path.read_bytes() == damaged
    assert repaired(log_of_700, borealis) == rebuilt

    assert log_of_700.verify(witnesses=[borealis.key]).ok
    assert list(evidence(log_of_700)) == before
    assert not repaired(log_of_700, borealis)


@pytest.mark.parametrize(("statement", "named"), NOT_DERIVED)
@pytest.mark.parametrize(
    "also", [[], ["UPDATE event SET actor = 'nobody' WHERE idx = 9", "DELETE FROM tile WHERE number = 2"]]
)
def test_what_is_not_derived_is_refused_and_not_a_byte_changes(
    log_of_700: Acme, borealis: Borealis, statement: str, named: str, also: list[str]
) -> None:
    log_of_700.tamper(statement, *also)
    before = log_of_700.path.read_bytes()

    with pytest.raises(LogTampered, match="cannot be repaired") as refused:
        repaired(log_of_700, borealis)

    assert named in str(refused.value)
    assert log_of_700.path.read_bytes() == before


def test_a_large_erasure_that_was_cut_short_stands_in_no_ones_way_and_hides_nothing(
    log_of_700: Acme, borealis: Borealis
) -> None:
    with log_of_700.open() as log:
        log.record_many(log_of_700.events(1700, start=700))
        log.record_many(erasure_events(range(0, 2400, 2), actor="dpo@acme.example", reason="", rule=""))
    log_of_700.tamper("DELETE FROM tile WHERE level = 1")

    assert repaired(log_of_700, borealis) == Rebuilt(tiles=1)

    [left] = log_of_700.verify(witnesses=[borealis.key]).problems
    assert (left.kind, left.where) == (Kind.ERASURE, "entry 0")
    assert left.message.endswith("and is still there; so are 1199 more")
    log_of_700.tamper("DELETE FROM tile WHERE level = 1", "UPDATE payload SET body = x'7b7d' WHERE idx = 5")
    with pytest.raises(LogTampered, match="entry 5: its payload is not the one"):
        repaired(log_of_700, borealis)


def test_a_log_that_was_rolled_back_is_not_repaired(log_of_700: Acme, borealis: Borealis) -> None:
    with log_of_700.open() as log:
        log.record(log_of_700.event(700))
        newer = log.checkpoint()
    log_of_700.tamper(
        "DELETE FROM payload WHERE idx = 700",
        "DELETE FROM event WHERE idx = 700",
        "DELETE FROM checkpoint WHERE size = 701",
    )
    log_of_700.remembered.append(newer)

    with pytest.raises(LogTampered, match="cannot be repaired"):
        repaired(log_of_700, borealis)


def test_a_log_goes_on_after_a_repair_by_whoever_has_it_open(log_of_700: Acme, borealis: Borealis) -> None:
    with log_of_700.open() as log:
        assert log.prove(5, 700)
        log_of_700.tamper("UPDATE tile SET hashes = zeroblob(length(hashes))")
        with log.exclusively() as db:
            assert repair(db, key=log.key, witnesses=[borealis.key]) == Rebuilt(tiles=4)

        log.record_many(log_of_700.events(300, start=700))

        assert log.prove(5, 1000)
    assert log_of_700.verify(witnesses=[borealis.key]).ok


def test_fsck_compares_what_is_beside_the_log_too(log_of_700: Acme, borealis: Borealis) -> None:
    beside = Beside(log_of_700.folder / "search.db", log_of_700.folder / "verified.json")
    with LogReader(log_of_700.path) as log:
        SearchIndex(beside.search, log).catch_up(700)
        set_milestone(beside.milestone, log.newest_checkpoint(), log_of_700.clock)

    def found() -> list[tuple[str, str]]:
        outcome = fsck(log_of_700.path, beside, key=log_of_700.key, witnesses=[borealis.key])
        assert outcome.compared == {"entries": 700, "tiles": 4, "checkpoints": 2, "indexes": 8}
        return [(problem.kind.value, problem.message) for problem in outcome.verification.problems]

    assert found() == []

    with closing(schema._connect(beside.search, "rw")) as db:
        db.execute("UPDATE words SET body = 'nothing' WHERE rowid = 5")
        db.execute("INSERT INTO words (rowid, body) VALUES (900, 'nothing')")
    beside.milestone.write_text("{}")

    assert [kind for kind, _ in found()] == ["milestone", "search", "search"]
    assert "entry 5" in found()[1][1]
    assert "row 900" in found()[2][1]


def test_a_milestone_that_the_log_signed_and_does_not_reach_is_no_damage_but_evidence(
    log_of_700: Acme, borealis: Borealis
) -> None:
    beside = Beside(log_of_700.folder / "search.db", log_of_700.folder / "verified.json")
    older = log_of_700.copy("older")
    with log_of_700.open() as log:
        log.record(log_of_700.event(700))
        set_milestone(beside.milestone, log.checkpoint(), log_of_700.clock)

    (problem,) = fsck(older, beside, key=log_of_700.key, witnesses=[borealis.key]).verification.problems

    assert problem.kind.value == "rollback"


def test_fsck_holds_the_roots_of_checkpoints_against_the_tiles(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.tamper("UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1")
    beside = Beside(log_of_700.folder / "search.db", log_of_700.folder / "verified.json")

    problems = fsck(log_of_700.path, beside, key=log_of_700.key, witnesses=[borealis.key]).verification.problems

    assert [(each.kind.value, each.where) for each in problems] == [("tile", "tile/0/001"), ("tile", "checkpoint 300")]


def test_fsck_says_that_a_file_is_no_database(acme: Acme) -> None:
    acme.path.write_bytes(b"no database at all, whatever its name says")
    beside = Beside(acme.folder / "search.db", acme.folder / "verified.json")
    beside.search.write_bytes(b"")

    outcome = fsck(acme.path, beside, key=acme.key)

    assert [each.kind.value for each in outcome.verification.problems] == ["file", "search"]
    assert outcome.compared == dict.fromkeys(("entries", "tiles", "checkpoints", "indexes"), 0)
