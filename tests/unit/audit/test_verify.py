"""Verification: each kind of edit is found, named, and placed."""

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint
from engine.audit.note import NoteSigner
from engine.audit.verification import PROBLEM_LIMIT, Kind, Problem
from engine.audit.verify import verify
from tests.unit.audit.conftest import Acme, Borealis

LOOSE = (
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), ' NOT NULL', '') WHERE type = 'table'",
    "PRAGMA writable_schema = RESET",
)
"""Takes the types off every table, as somebody does who wants to store what they forbid."""

STRICT_AGAIN = (
    "UPDATE sqlite_master SET sql = (SELECT sql FROM kept WHERE kept.name = sqlite_master.name) WHERE sql IS NOT NULL"
)


@pytest.fixture
def log_of_700(acme: Acme, borealis: Borealis) -> Acme:
    """A log of 700 entries, cosigned at 300, every checkpoint that was shown to somebody remembered."""
    with acme.open() as log:
        log.record_many(acme.events(300))
        acme.remembered.append(borealis.cosign(log))
        log.record_many(acme.events(399, start=300))
        acme.remembered.append(log.checkpoint())
        log.record(acme.event(699))
    return acme


def found(acme: Acme, borealis: Borealis) -> list[tuple[str, str]]:
    return [(problem.kind.value, problem.where) for problem in acme.verify(witnesses=[borealis.key]).problems]


def test_an_untouched_log_verifies_and_says_who_witnessed_it(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        log.record_many(acme.events(300))
        borealis.cosign(log)

    outcome = acme.verify(witnesses=[borealis.key])

    assert outcome.ok
    assert (outcome.size, outcome.problems, outcome.omitted) == (300, (), 0)
    assert outcome.checkpoint == Checkpoint(acme.origin, 300, outcome.checkpoint.root)
    assert outcome.cosigned_by == (borealis.key.name,)
    assert outcome.root == outcome.checkpoint.root.hex()


def test_a_log_verifies_while_its_owner_appends(log_of_700: Acme, borealis: Borealis) -> None:
    with log_of_700.open() as log:
        log.record(log_of_700.event(700))

        assert found(log_of_700, borealis) == []


def test_verifying_does_not_change_the_evidence(log_of_700: Acme, borealis: Borealis) -> None:
    before = log_of_700.path.read_bytes()

    assert found(log_of_700, borealis) == []
    assert log_of_700.path.read_bytes() == before


def test_progress_is_told_up_to_the_end(log_of_700: Acme) -> None:
    told: list[tuple[int, int]] = []

    verify(
        log_of_700.path,
        key=log_of_700.key,
        progress=lambda done, total: told.append((done, total)),
    )

    assert told == [(256, 700), (512, 700), (700, 700)]


@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        (
            "UPDATE event SET (leaf, decision) = (CAST(replace(leaf, 'permit', '') AS BLOB), '') WHERE idx = 5",
            [("entry", "entry 5")],
        ),
        ("UPDATE event SET leaf = x'7b7d' WHERE idx = 699", [("entry", "entry 699")] * 2),
        ("UPDATE event SET actor = 'nobody' WHERE idx = 5", [("column", "entry 5, column actor")]),
        ("UPDATE event SET partner = NULL WHERE idx = 5", [("column", "entry 5, column partner")]),
        ("UPDATE event SET policy = '' WHERE idx = 5", [("column", "entry 5, column policy")]),
        ("UPDATE event SET type = CAST(x'ff' AS TEXT) WHERE idx = 5", [("column", "entry 5, column type")]),
        ("DELETE FROM event WHERE idx = 5", [("entry", "entry 5"), ("payload", "entry 5")]),
        ("DELETE FROM payload WHERE idx = 5", [("payload", "entry 5")]),
        ("UPDATE payload SET body = x'7b7d' WHERE idx = 5", [("payload", "entry 5")]),
        ("UPDATE payload SET salt = x'00' WHERE idx = 5", [("payload", "entry 5")]),
        ("INSERT INTO payload VALUES (900, x'00', x'00')", [("payload", "entry 900")]),
        ("UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1", [("tile", "tile/0/001")]),
        (
            "UPDATE tile SET hashes = CAST(hashes || x'00' AS BLOB) WHERE level = 0 AND number = 2",
            [("tile", "tile/0/002")],
        ),
        ("UPDATE tile SET hashes = zeroblob(6016) WHERE level = 0 AND number = 2", [("tile", "tile/0/002")]),
        ("UPDATE tile SET hashes = zeroblob(64) WHERE level = 1", [("tile", "tile/1/000")]),
        ("DELETE FROM tile WHERE level = 1", [("tile", "tile/1/000")]),
        ("DELETE FROM tile WHERE number = 1", [("tile", "tile/0/001")]),
        ("INSERT INTO tile VALUES (2, 0, x'00')", [("tile", "tile 2/0")]),
        ("INSERT INTO tile VALUES (-1, 0, x'00')", [("tile", "tile -1/0")]),
        ("UPDATE meta SET value = 'eve' WHERE name = 'origin'", [("meta", "meta 'origin'")]),
        ("DELETE FROM meta WHERE name = 'key'", [("meta", "meta key")]),
        ("INSERT INTO meta VALUES ('note', 'x')", [("meta", "meta 'note'")]),
        (
            "INSERT INTO checkpoint SELECT 400, note FROM checkpoint WHERE size = 700",
            [("checkpoint", "checkpoint 400")],
        ),
        (
            "UPDATE checkpoint SET note = CAST(note || '— eve AAAAAAA=' || char(10) AS BLOB) WHERE size = 300",
            [("checkpoint", "checkpoint 300")],
        ),
        (
            "DELETE FROM cosignature",
            [
                ("checkpoint", "checkpoint 300"),
                ("cosignature", "cosignature 300 by borealis.example/lading/witness"),
            ],
        ),
        (
            "UPDATE cosignature SET name = 'eve'",
            [
                ("cosignature", "cosignature 300 by 'eve'"),
                ("cosignature", "cosignature 300 by borealis.example/lading/witness"),
            ],
        ),
        (
            "UPDATE cosignature SET line = line || line",
            [
                ("cosignature", "cosignature 300 by 'borealis.example/lading/witness'"),
                ("cosignature", "cosignature 300 by borealis.example/lading/witness"),
            ],
        ),
        ("PRAGMA user_version = 7", [("schema", "user_version")]),
        ("DROP INDEX event_transfer", [("schema", "index event_transfer")]),
        ("CREATE VIEW mine AS SELECT 1", [("schema", "'view' 'mine'")]),
        ("DROP TABLE payload", [("schema", "table payload")]),
    ],
)
def test_one_edit_is_one_finding_at_its_place(
    log_of_700: Acme, borealis: Borealis, statement: str, problems: list[tuple[str, str]]
) -> None:
    log_of_700.tamper(statement)

    assert found(log_of_700, borealis) == problems


def test_swapped_payloads_are_found(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.tamper(
        "UPDATE payload SET idx = -1 WHERE idx = 7",
        "UPDATE payload SET idx = 7 WHERE idx = 8",
        "UPDATE payload SET idx = 8 WHERE idx = -1",
    )

    assert found(log_of_700, borealis) == [("payload", "entry 7"), ("payload", "entry 8")]


def test_reordered_entries_are_found(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.tamper(
        *(
            f"UPDATE {table} SET idx = {new} WHERE idx = {old}"  # noqa: S608 - a test's own names
            for table in ("event", "payload")
            for old, new in ((7, -1), (8, 7), (-1, 8))
        )
    )

    assert found(log_of_700, borealis) == [("entry", "entry 7"), ("entry", "entry 8")]


def test_a_cut_tail_is_found_without_any_memory(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(300))
    acme.tamper("DELETE FROM payload WHERE idx >= 290", "DELETE FROM event WHERE idx >= 290")

    assert [(p.kind, p.where) for p in acme.verify().problems] == [
        (Kind.ENTRY, f"entry {index}") for index in range(290, 300)
    ]


def test_entries_without_a_checkpoint_over_them_are_found(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    acme.tamper("DELETE FROM checkpoint")

    kinds = [(problem.kind, problem.where) for problem in acme.verify().problems]
    assert kinds[0] == (Kind.CHECKPOINT, "checkpoint")
    assert (Kind.ENTRY, "entries 0 to 4") in kinds


def test_when_leaves_and_tiles_are_both_gone_the_pass_ends_with_the_reason(
    log_of_700: Acme, borealis: Borealis
) -> None:
    log_of_700.tamper("DELETE FROM event WHERE idx = 5", "DELETE FROM tile WHERE number = 0 AND level = 0")

    assert found(log_of_700, borealis)[:2] == [("entry", "entry 5"), ("tile", "tile/0/000")]


def test_a_restored_older_copy_is_found_by_what_is_remembered(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    older = acme.copy("older")
    with acme.open() as log:
        log.record_many(acme.events(5, start=5))
        acme.remembered.append(log.checkpoint())

    assert acme.verify(older).problems == (
        Problem(Kind.ROLLBACK, "checkpoint 10", "a checkpoint of 10 entries is remembered, the log has 5"),
    )


def test_a_history_written_anew_with_the_log_key_is_found_by_what_is_remembered(acme: Acme) -> None:
    for number, events in enumerate((acme.events(9), acme.events(9, start=40))):
        acme.folder = acme.folder / str(number)
        with acme.open() as log:
            log.record_many(events[:4])
            if number == 0:
                acme.remembered.append(log.checkpoint())
            log.record_many(events[4:])
            if number == 0:
                acme.remembered.append(log.checkpoint())

    assert [(p.kind, p.where) for p in acme.verify().problems] == [
        (Kind.FORK, "checkpoint 9"),
        (Kind.FORK, "checkpoint 4"),
    ]


def test_a_checkpoint_signed_over_other_leaves_is_found(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    signer = NoteSigner(acme.origin, acme.private)
    text = Checkpoint(acme.origin, 5, bytes(32)).text()
    note = (text + b"\n" + signer.sign(text)).hex()
    acme.tamper(f"UPDATE checkpoint SET note = x'{note}'")  # noqa: S608 - a test's own bytes

    assert [(p.kind, p.where) for p in acme.verify().problems] == [(Kind.CHECKPOINT, "checkpoint 5")]


def test_a_remembered_note_that_is_not_this_logs_is_reported_not_believed(acme: Acme) -> None:
    acme.open().close()
    stranger = NoteSigner("eve.example/log", Ed25519PrivateKey.generate())
    text = Checkpoint("eve.example/log", 9, bytes(32)).text()
    acme.remembered = [b"no note", text + b"\n" + stranger.sign(text)]

    assert [(p.kind, p.where) for p in acme.verify().problems] == [
        (Kind.REMEMBERED, "remembered checkpoint 1"),
        (Kind.REMEMBERED, "remembered checkpoint 2"),
    ]


def test_cosignatures_by_a_witness_nobody_pinned_are_reported(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        borealis.cosign(log)

    (problem,) = acme.verify(witnesses=[]).problems
    assert (problem.kind, problem.message) == (Kind.COSIGNATURE, "is by a witness that is not pinned")


def test_time_that_runs_backwards_is_found(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        acme.clock.move(days=-1)
        log._moment = lambda _: "2026-05-31T12:00:00.000Z"
        log.record(acme.event(1))

    assert [(p.kind, p.where) for p in acme.verify().problems] == [(Kind.TIME, "entry 1")]


def test_a_pseudonym_that_hides_somebody_else_is_found(acme: Acme) -> None:
    with acme.open() as log:
        log._pseudonym_key = b"another key, so that the pseudonyms are not those of the names"
        log.record(acme.event(0))

    (problem,) = acme.verify().problems
    assert (problem.kind, problem.where) == (Kind.PAYLOAD, "entry 0")
    assert "does not have the pseudonym" in problem.message


def test_wrong_types_behind_a_restored_schema_are_reported(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.tamper(
        "CREATE TEMP TABLE kept AS SELECT name, sql FROM sqlite_schema",
        *LOOSE,
        "UPDATE event SET leaf = replace(leaf, 'permit', 'permit') WHERE idx = 5",
        "UPDATE event SET time = 7 WHERE idx = 6",
        "UPDATE payload SET body = NULL WHERE idx = 7",
        "UPDATE tile SET hashes = 'text' WHERE level = 1",
        "UPDATE checkpoint SET note = 'text' WHERE size = 300",
        "UPDATE cosignature SET line = x'00'",
        "PRAGMA writable_schema = ON",
        STRICT_AGAIN,
        "PRAGMA writable_schema = RESET",
    )

    problems = found(log_of_700, borealis)

    assert {
        ("entry", "entry 5"),
        ("column", "entry 6, column time"),
        ("payload", "entry 7"),
        ("tile", "tile/1/000"),
        ("checkpoint", "checkpoint 300"),
    } <= set(problems)
    assert "structure" in {kind for kind, _ in problems}


def test_after_very_many_problems_the_rest_is_counted(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(PROBLEM_LIMIT + 5))
    acme.tamper("UPDATE event SET decision = 'deny'")

    outcome = acme.verify()
    assert (len(outcome.problems), outcome.omitted) == (PROBLEM_LIMIT, 5)


def test_what_sqlite_finds_comes_first_and_counts_with_the_rest(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(PROBLEM_LIMIT + 5))
    acme.tamper("UPDATE event SET decision = 'deny'")
    number = (PROBLEM_LIMIT).to_bytes(2, "big")
    transfer = acme.event(PROBLEM_LIMIT).transfer.encode()
    pages = acme.path.read_bytes()
    (in_index,) = (at for at in range(len(pages)) if pages.startswith(transfer + number, at))
    acme.path.write_bytes(pages[:in_index] + b"TR" + pages[in_index + 2 :])

    outcome = acme.verify()

    structure = [problem for problem in outcome.problems if problem.kind is Kind.STRUCTURE]
    assert outcome.problems[: len(structure)] == tuple(structure) != ()
    assert len(outcome.problems) == PROBLEM_LIMIT
    assert outcome.omitted == len(structure) + 5


def test_whoever_breaks_off_a_verification_leaves_nothing_running(log_of_700: Acme) -> None:
    def break_off(done: int, _: int) -> None:
        raise KeyboardInterrupt(done)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        verify(log_of_700.path, key=log_of_700.key, progress=break_off)

    assert threading.active_count() == before
