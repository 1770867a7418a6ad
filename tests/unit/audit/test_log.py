"""The writer: what it returns is durable, what it refuses leaves no trace."""

import sqlite3
import stat
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import schema
from engine.audit.batch import Request
from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from engine.errors import InputError, LogTampered, WorkspaceError
from engine.events import Recorded, Recorder, event_id
from tests.unit.audit.conftest import Acme


def test_a_new_log_is_private_and_has_a_signed_checkpoint_of_nothing(acme: Acme) -> None:
    with acme.open() as log:
        assert open_checkpoint(log.checkpoint(), [log.key]).checkpoint.size == log.size == 0
        assert stat.S_IMODE(acme.path.stat().st_mode) == 0o600
    assert acme.verify().ok


def test_a_recorded_event_is_proved_by_the_newest_checkpoint(acme: Acme) -> None:
    with acme.open() as log:
        recorder: Recorder = log
        assert recorder.record(acme.event(0)) == Recorded(0, event_id("test", "step", 0), known=False)
        log.record_many(acme.events(300, start=1))

        checkpoint = open_checkpoint(log.checkpoint(), [log.key]).checkpoint
        entry = log.entry(17)
        assert entry.payload == {"actor": "person-2@acme.example", "purpose": "evaluation", "number": 17}
        proof = log.prove(17, checkpoint.size)
        assert verify_inclusion(17, 301, leaf_hash(entry.leaf), proof, checkpoint.root)


def test_the_log_shows_that_it_only_grew(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(20))
        before = read_checkpoint(log.checkpoint())
        log.record_many(acme.events(500, start=20))
        after = read_checkpoint(log.checkpoint())

        proof = log.prove_consistency(20, 520)
        assert verify_consistency(20, 520, before.root, after.root, proof)


def test_an_event_recorded_again_is_found_and_not_appended(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(3))
    acme.clock.move(hours=1)

    with acme.open() as log:
        assert log.record(acme.event(1)) == Recorded(1, event_id("test", "step", 1), known=True)
        assert log.record_many([acme.event(1), acme.event(3), acme.event(3)]) == [
            Recorded(1, event_id("test", "step", 1), known=True),
            Recorded(3, event_id("test", "step", 3), known=False),
            Recorded(3, event_id("test", "step", 3), known=True),
        ]
        assert log.size == 4


@pytest.mark.parametrize(
    "changes",
    [{"decision": "deny"}, {"actor": "eve@acme.example"}, {"payload": {"purpose": "training"}}, {"partner": None}],
)
def test_another_event_under_a_known_id_is_refused(acme: Acme, changes: dict[str, Any]) -> None:
    with acme.open() as log:
        log.record(acme.event(0))

        with pytest.raises(LogTampered, match="was recorded before, as entry 0"):
            log.record(replace(acme.event(0), **changes))
        assert log.size == 1


def test_a_known_event_from_another_source_is_refused(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))

    with acme.open(source="spiffe://acme.example/imposter") as log, pytest.raises(LogTampered):
        log.record(acme.event(0))


def test_several_events_are_recorded_all_or_none(acme: Acme) -> None:
    with acme.open() as log:
        with pytest.raises(InputError):
            log.record_many([acme.event(0), acme.event(1), acme.event(2, actor="")])

        assert log.size == 0
        assert log.record(acme.event(1)).index == 0
    assert acme.verify().ok


def test_nothing_recorded_is_nothing_written(acme: Acme) -> None:
    with acme.open() as log:
        before = log.checkpoint()

        assert log.record_many([]) == []
        assert log.checkpoint() == before


def test_threads_share_commits_and_lose_nothing(acme: Acme) -> None:
    per_thread, threads = 25, 8
    recorded: dict[int, list[Recorded]] = {}
    start = threading.Barrier(threads)
    with acme.open() as log:

        def work(thread: int) -> None:
            start.wait(timeout=10)
            recorded[thread] = [log.record(acme.event(thread * per_thread + number)) for number in range(per_thread)]

        workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=60)

        assert log.size == per_thread * threads
    indexes = sorted(one.index for many in recorded.values() for one in many)
    assert indexes == list(range(per_thread * threads))
    assert acme.verify().ok


def test_whoever_comes_first_commits_once_for_all_that_wait(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    with acme.open() as log:
        commit = log._commit

        def counted(waiting: Sequence[Request]) -> None:
            batches.append(len(waiting))
            commit(waiting)

        monkeypatch.setattr(log, "_commit", counted)
        with log._commit_lock:
            workers = [threading.Thread(target=log.record, args=(acme.event(number),)) for number in range(20)]
            for worker in workers:
                worker.start()
            while len(log._queue) < 20:
                assert all(worker.is_alive() for worker in workers)
        for worker in workers:
            worker.join(timeout=60)

        assert (batches, log.size) == ([20], 20)


def test_nobody_waits_for_a_first_one_that_was_interrupted(acme: Acme) -> None:
    with acme.open() as log:
        gone = Request([acme.event(0)])
        log._queue.append(gone)  # as a thread leaves it that is interrupted before its commit

        assert log.record(acme.event(1)).index == 1
        assert gone.recorded[0].index == 0


def test_one_refused_request_does_not_fail_those_it_is_committed_with(acme: Acme) -> None:
    with acme.open() as log:
        good, bad = log_requests = [acme.event(0)], [acme.event(1, actor="")]
        outcomes: list[object] = [None, None]

        def work(place: int) -> None:
            try:
                outcomes[place] = log.record_many(log_requests[place])
            except InputError as error:
                outcomes[place] = error

        with log._commit_lock:
            workers = [threading.Thread(target=work, args=(place,)) for place in (0, 1)]
            for worker in workers:
                worker.start()
            while len(log._queue) < 2:
                assert all(worker.is_alive() for worker in workers)
        for worker in workers:
            worker.join(timeout=10)

        assert (good, bad) == log_requests
        assert outcomes[0] == [Recorded(0, acme.event(0).id, known=False)]
        assert isinstance(outcomes[1], InputError)


def test_a_clock_slightly_behind_the_newest_entry_does_not_turn_time_back(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        acme.clock.move(minutes=-4)

        log.record(acme.event(1))

        assert log.entry(1).time == log.entry(0).time == "2026-06-01T12:00:00.000Z"


def test_a_clock_far_behind_the_newest_entry_is_refused(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        acme.clock.move(minutes=-6)

        with pytest.raises(WorkspaceError, match=r"clock says 2026-06-01T11:54:00\.000Z"):
            log.record(acme.event(1))
        assert log.size == 1


def test_a_failed_commit_is_raised_and_leaves_the_log_usable(acme: Acme) -> None:
    with acme.open() as log:
        log.record(acme.event(0))
        log._db.execute("PRAGMA max_page_count = 1")

        with pytest.raises(WorkspaceError, match="database or disk is full"):
            log.record_many(acme.events(400, start=1))
        log._db.execute("PRAGMA max_page_count = 1000000")
        assert log.record(acme.event(1)).index == 1
    assert acme.verify().ok


def test_a_second_writer_is_followed_not_overwritten(acme: Acme) -> None:
    with acme.open() as first, acme.open() as second:
        first.record(acme.event(0))
        second.record_many(acme.events(300, start=1))

        assert first.record(acme.event(301)).index == 301
        assert second.record(acme.event(0)).known
    assert acme.verify().ok


def test_a_log_does_not_open_with_another_key_or_origin(acme: Acme) -> None:
    acme.open().close()

    acme.private = Ed25519PrivateKey.from_private_bytes(b"z" * 32)
    with pytest.raises(WorkspaceError, match="has the key"):
        acme.open()
    acme.origin = "acme.example/lading/audit/1"
    with pytest.raises(WorkspaceError, match=r"has the origin 'acme\.example/lading/audit/0'"):
        acme.open()


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 3", "PRAGMA user_version = 0"])
def test_a_log_of_another_schema_is_left_alone(acme: Acme, statement: str) -> None:
    acme.open().close()
    acme.tamper(statement)

    with pytest.raises(WorkspaceError, match="schema version"):
        acme.open()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM event WHERE idx = 9", "the newest entry is 8"),
        ("DELETE FROM checkpoint", "there is no checkpoint"),
        ("UPDATE checkpoint SET note = x'00'", "the newest checkpoint is damaged"),
        ("UPDATE checkpoint SET size = 11", "is of 10 entries, it is stored under 11"),
        ("UPDATE tile SET hashes = zeroblob(320)", "the tiles do not have the root"),
        ("UPDATE event SET leaf = x'00' WHERE idx = 9", "entry 9 is damaged"),
        (
            "UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB) WHERE idx = 9",
            "entry 9 is not the one that was recorded",
        ),
        ("DELETE FROM tile", "tile/0/000 is missing"),
    ],
)
def test_a_writer_does_not_go_on_from_a_head_that_was_tampered_with(acme: Acme, statement: str, why: str) -> None:
    with acme.open() as log:
        log.record_many(acme.events(10))
    acme.tamper(statement)

    with pytest.raises(LogTampered, match=why):
        acme.open()


def test_a_step_does_not_adopt_an_entry_that_was_tampered_with(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(10))
    acme.tamper(
        "UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB), decision = 'deny' WHERE idx = 4",
        "DELETE FROM payload WHERE idx = 5",
    )

    with acme.open() as log:
        with pytest.raises(LogTampered, match="entry 4 is not the one that was recorded"):
            log.record(acme.event(4, decision="deny"))
        with pytest.raises(LogTampered, match="the payload of entry 5 is missing"):
            log.record(acme.event(5))


def test_a_file_that_is_no_database_is_refused(acme: Acme) -> None:
    acme.path.write_bytes(b"no database, but long enough to be taken for one\n" * 100)

    with pytest.raises(LogTampered, match="is damaged"):
        acme.open()


def test_a_closed_log_says_so(acme: Acme) -> None:
    log = acme.open()
    log.close()

    with pytest.raises(WorkspaceError, match="closed database"):
        log.record(acme.event(0))


def test_an_interrupted_commit_fails_everybody_who_waited_for_it(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    with acme.open() as log:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(log, "_write", interrupt)
            with pytest.raises(KeyboardInterrupt):
                log.record(acme.event(0))
        assert log.record(acme.event(0)) == Recorded(0, acme.event(0).id, known=False)


def test_commits_are_synchronous_and_the_tables_strict(acme: Acme) -> None:
    with acme.open() as log:
        assert log._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert log._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in BLOB column"):
            log._db.execute("INSERT INTO checkpoint VALUES (7, replace(x'6162', 'a', 'b'))")
        assert schema.describe(log._db) == schema.expected()
