"""A log that does not verify says since when: the newest checkpoint that others know and its leaves still have."""

import pytest

from engine.audit.held import Held, held_until
from engine.audit.meaning import MEANINGS
from engine.audit.verification import Kind
from tests.unit.audit.conftest import Acme, Borealis

NOON = "2026-06-01T12:00:00.000Z"


@pytest.fixture
def log_of_700(acme: Acme, borealis: Borealis) -> Acme:
    """A log of 700 entries: cosigned at 300, remembered at 300 and 699; nobody else knows its checkpoint of 500."""
    with acme.open() as log:
        log.record_many(acme.events(300))
        acme.remembered.append(log.checkpoint())
        borealis.cosign(log)
        log.record_many(acme.events(200, start=300))
        log.record_many(acme.events(199, start=500))
        acme.remembered.append(log.checkpoint())
        log.record(acme.event(699))
    return acme


def held(acme: Acme, borealis: Borealis) -> Held | None:
    problems = acme.verify(witnesses=[borealis.key]).problems
    assert problems
    return held_until(acme.path, problems, key=acme.key, remembered=acme.remembered, witnesses=[borealis.key])


@pytest.mark.parametrize(
    ("statement", "size"),
    [
        ("UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB) WHERE idx = 650", 300),
        ("DELETE FROM event WHERE idx = 500", 300),
        ("UPDATE event SET actor = 'nobody' WHERE idx IN (400, 699)", 300),
        ("UPDATE payload SET body = x'7b7d' WHERE idx = 699", 699),
        ("UPDATE event SET leaf = x'7b7d' WHERE idx = 699", 699),
        ("UPDATE event SET leaf = x'7b7d' WHERE idx = 299", None),
        ("DELETE FROM tile", 699),
        ("DELETE FROM event WHERE idx = 0", None),
    ],
)
def test_the_newest_known_checkpoint_before_the_first_difference_is_named(
    log_of_700: Acme, borealis: Borealis, statement: str, size: int | None
) -> None:
    log_of_700.tamper(statement)

    found = held(log_of_700, borealis)

    assert (found.checkpoint.size if found else None) == size


def test_it_says_who_cosigned_it_and_when(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.tamper("UPDATE event SET leaf = x'7b7d' WHERE idx = 300")

    found = held(log_of_700, borealis)

    assert found is not None
    assert (found.remembered, found.cosigned) == (True, ((borealis.key.name, NOON),))


def test_a_rewritten_log_held_together_up_to_where_the_histories_part(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        log.record_many(acme.events(300))
    fork = acme.copy("fork")
    with acme.open() as log:
        acme.remembered.append(log.checkpoint())
        log.record_many(acme.events(100, start=300))
        acme.remembered.append(log.checkpoint())
    acme.folder = fork.parent
    with acme.open() as log:
        log.record_many(acme.events(200, start=900))
        acme.remembered.append(log.checkpoint())  # what somebody remembers later proves nothing about before

    found = held(acme, borealis)

    assert found is not None
    assert (found.checkpoint.size, found.remembered, found.cosigned) == (300, True, ())


def test_what_the_log_alone_signed_is_no_witness(log_of_700: Acme, borealis: Borealis) -> None:
    log_of_700.remembered = []
    log_of_700.tamper("DELETE FROM cosignature", "UPDATE event SET leaf = x'7b7d' WHERE idx = 699")

    assert held(log_of_700, borealis) is None


def test_a_file_that_is_no_database_held_nothing(acme: Acme, borealis: Borealis) -> None:
    acme.path.write_bytes(b"no database at all, whatever its name says")

    assert held(acme, borealis) is None


def test_every_kind_of_problem_is_explained() -> None:
    assert MEANINGS.keys() == set(Kind)
    assert all(said.means and said.remedy and said.tells for said in MEANINGS.values())
