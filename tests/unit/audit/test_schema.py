"""The schema: what queries need is indexed, and a log of an older release is read, verified and brought up."""

from contextlib import closing

import pytest

from engine.audit import schema
from engine.audit.reader import LogReader
from engine.errors import LogTampered
from tests.unit.audit.conftest import Acme

FILTERED = ("type", "actor", "artifact", "partner", "transfer", "agreement", "decision")


@pytest.mark.parametrize("column", FILTERED)
def test_what_people_filter_by_is_found_through_an_index(acme: Acme, column: str) -> None:
    with acme.open() as log:
        plan = log._db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM event WHERE {column} = ? AND idx < 9", ("x",))  # noqa: S608 - a column of the list above

        assert f"USING INDEX event_{column}" in plan.fetchone()[3]


def as_version_1(acme: Acme) -> None:
    """Make the log's file what the first release wrote."""
    added = {name for _, name, _ in schema.expected() - schema.expected(1)}
    acme.tamper(*(f"DROP INDEX {name}" for name in added), "PRAGMA user_version = 1")


def test_a_log_of_version_1_is_read_and_verified_as_it_is(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(10))
    as_version_1(acme)

    with LogReader(acme.path) as reader:
        assert len(reader.rows(0, 100)) == 10
    assert acme.verify().ok
    with closing(schema.open_reader(acme.path)) as db:
        assert schema.version_of(db) == 1


def test_a_writer_brings_a_log_of_version_1_up_and_records_nothing_for_it(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(10))
        before = log.checkpoint()
    as_version_1(acme)

    with acme.open() as log:
        assert (log.checkpoint(), log.size) == (before, 10)
        assert schema.describe(log._db) == schema.expected()

    assert acme.verify().ok


def test_tables_that_no_release_wrote_are_not_brought_up(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(10))
    as_version_1(acme)
    acme.tamper("CREATE TRIGGER mine AFTER INSERT ON event BEGIN DELETE FROM payload; END")

    with pytest.raises(LogTampered, match="not those of schema version 1"):
        acme.open()
    acme.tamper("DROP TRIGGER mine")
    assert acme.verify().ok
