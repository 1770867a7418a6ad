"""Erasure: the payload goes without a trace, the leaf and its proof stay, and the log says so."""

import pytest

from engine.audit.checkpoint import read_checkpoint
from engine.audit.entry import Entry
from engine.audit.erasure import ERASED, Absences, erasure_events, ranges
from engine.audit.log import AuditLog
from engine.audit.merkle import leaf_hash, verify_inclusion
from engine.audit.removal import remaining, remove_payloads
from engine.errors import LogTampered
from tests.unit.audit.conftest import Acme

WORD = "Xylophilia"


def erase(acme: Acme, log: AuditLog, *indices: int) -> None:
    log.record_many(erasure_events(indices, actor="dpo@acme.example", reason="request 12", rule=""))
    remove_payloads(log, acme.path, indices)


def problems(acme: Acme) -> list[tuple[str, str]]:
    return [(problem.where, problem.message) for problem in acme.verify().problems]


def test_an_erased_payload_leaves_leaf_and_proof_and_the_log_verifies(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(600))
        before = log.entry(7)
        erase(acme, log, 7, 8, 300)
        entry, note = log.entry(7), read_checkpoint(log.checkpoint())
        path = log.prove(7, note.size)

    assert (entry.leaf, entry.payload, entry.salt) == (before.leaf, None, None)
    assert verify_inclusion(7, note.size, leaf_hash(entry.leaf), path, note.root)
    assert acme.verify().ok


def test_no_byte_of_what_was_erased_is_left_in_the_folder(acme: Acme) -> None:
    with acme.open() as log:
        for number in range(400):  # many commits, so that pages split and older copies of them lie about
            word = f"{WORD}{number:04}" if number % 3 == 0 else "kept"
            log.record(acme.event(number, payload={"purpose": word * 40}))
        erase(acme, log, *range(0, 400, 3))

        left = [path.name for path in acme.folder.rglob("*") if path.is_file() and WORD.encode() in path.read_bytes()]

    assert left == []
    assert acme.verify().ok


def test_a_payload_that_is_missing_without_a_word_is_reported(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(20))
        erase(acme, log, 3)
    acme.tamper("DELETE FROM payload WHERE idx = 4")

    assert problems(acme) == [("entry 4", "its payload is missing, and no entry says that it was erased")]


def test_a_payload_that_came_back_is_reported(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(20))
    with acme.open() as log:
        log.record_many(erasure_events([3], actor="dpo@acme.example", reason="", rule=""))
        assert remaining(log) == [3]

    assert problems(acme) == [("entry 3", "its payload was erased by entry 20, and is still there")]


def test_what_erasures_rest_on_is_never_missing_rightly(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
        erase(acme, log, 1)
        log.record_many(erasure_events([5], actor="dpo@acme.example", reason="", rule=""))
    acme.tamper("DELETE FROM payload WHERE idx = 5")

    found = problems(acme)
    assert ("entry 5", "its payload is missing, and is of a type that is never erased") in found
    assert ("entry 1", "its payload is missing, and no entry says that it was erased") in found


@pytest.mark.parametrize(
    "named", [[[6, 6]], [[0, 99]], [[-1, 2]], [[2, 1]], [["1", "2"]], [[True, True]], [1], {}, None]
)
def test_an_erasure_names_only_what_came_before_it(named: object) -> None:
    absences = Absences(missing=[1])

    absences.note_erasure(6, {"entries": named})

    assert absences.unexplained() == [1]


def test_the_same_event_is_found_again_after_its_payload_was_erased(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
        erase(acme, log, 2)

        again = log.record(acme.event(2))
        with pytest.raises(LogTampered, match="said something else"):
            log.record(acme.event(2, decision="deny"))

    assert (again.index, again.known) == (2, True)


def test_the_same_event_is_not_taken_for_known_when_its_payload_was_only_removed(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
    acme.tamper("DELETE FROM payload WHERE idx = 2")

    with acme.open() as log, pytest.raises(LogTampered, match="payload of entry 2 is missing"):
        log.record(acme.event(2))


def test_erasing_twice_is_one_event(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
        erase(acme, log, 1, 2)
        erase(acme, log, 2, 1)
        entries: list[Entry] = [log.entry(index) for index in range(log.size)]

    assert [entry.type for entry in entries].count(ERASED) == 1


def test_indices_become_ranges() -> None:
    assert ranges([5, 1, 2, 3, 3, 9]) == [(1, 3), (5, 5), (9, 9)]
