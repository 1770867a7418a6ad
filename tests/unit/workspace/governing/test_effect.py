"""What a candidate would have decided otherwise stands in its report, whatever state the past is in."""

import sqlite3
from contextlib import closing

from engine.workspace.office import Office
from tests.unit.workspace.governing.conftest import reword


def test_a_candidate_says_what_it_would_have_decided_otherwise(office: Office) -> None:
    office.judge.ask("administer", "ada@acme.example")
    reword(office)

    found = office.governance.see()

    assert found is not None
    replayed = found.report["replay"]
    assert isinstance(replayed, dict)
    assert replayed["decisions"] == replayed["unchanged"] != 0
    assert found.report["effect"] == replayed["effect"]


def test_damaged_decisions_of_the_past_keep_no_candidate_from_being_examined(office: Office) -> None:
    office.judge.ask("administer", "ada@acme.example")
    with closing(sqlite3.connect(office.layout.policy_database)) as database, database:
        database.execute("UPDATE slice SET body = X'5B5D'")
    reword(office)

    found = office.governance.see()

    assert found is not None
    assert found.state == "ready"
    assert "could not be replayed: the entities of decision" in str(found.report["effect"])
    assert "replay" not in found.report
