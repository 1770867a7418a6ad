"""The log of a workspace is read and verified without its owner."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.audit.entry import parse_leaf
from engine.audit.note import NoteKey
from engine.audit.proof import verify_proof
from engine.errors import InputError, LadingError
from engine.events import Event, event_id
from engine.workspace.layout import Layout
from engine.workspace.log.record import (
    newest_checkpoint,
    prove_entry,
    show_entry,
    verifier_keys,
    verify_log,
)
from engine.workspace.office import Office


@pytest.fixture
def busy(home: Path) -> Path:
    """A workspace whose log has more entries than one page."""
    with Office(Layout(home)) as office:
        office.log.record_many(
            [
                Event(
                    id=event_id("busy", str(number)),
                    type="transfer.offered" if number % 2 else "decision.permit",
                    actor="ada@acme.example",
                    transfer=f"tr-{number % 3:024x}",
                )
                for number in range(700)
            ]
        )
        office.remember_own()
    return home


def test_a_whole_log_verifies_and_says_how_far_it_got(busy: Path) -> None:
    reports: list[dict[str, Any]] = []

    report = verify_log(busy, reports.append)

    assert (report["ok"], report["size"], report["remembered"], report["problems"]) == (True, 701, 2, [])
    assert report["origin"] == "acme.example/lading/audit/0"
    assert report["witnessed"] == {}
    assert reports[-1] == {"step": "verifying", "done": 701, "total": 701}


def test_an_incremental_verification_goes_on_from_the_last_one_in_full(busy: Path) -> None:
    first: Any = verify_log(busy, lambda _: None, incremental=True)
    assert (first["ok"], first["since"]) == (True, None)

    with Office(Layout(busy)) as office:
        office.log.record(Event(id=event_id("later", "step"), type="transfer.offered", actor="ada@acme.example"))
    again: Any = verify_log(busy, lambda _: None, incremental=True)

    assert (again["ok"], again["size"]) == (True, 702)
    assert (again["since"]["size"], again["since"]["root"], again["since"]["first_read"]) == (701, first["root"], 512)


def test_a_log_that_does_not_verify_sets_no_milestone(busy: Path) -> None:
    with closing(sqlite3.connect(Layout(busy).audit_database)) as db, db:
        db.execute("UPDATE event SET actor = 'nobody' WHERE idx = 5")

    assert not verify_log(busy, lambda _: None)["ok"]
    assert not Layout(busy).milestone.exists()


def test_an_entry_is_shown_whole(home: Path) -> None:
    entry: Any = show_entry(home, 0)

    assert entry["public"]["type"] == "workspace.created"
    assert entry["payload"] == {"actor": "ada@acme.example", "name": "Acme", "region": "EU"}
    assert entry["public"]["actor"] != "ada@acme.example"


@pytest.mark.parametrize("look", [show_entry, prove_entry])
def test_an_entry_beyond_the_end_is_refused(home: Path, look: Any) -> None:
    with pytest.raises(LadingError) as refused:
        look(home, 7)

    assert "7" in str(refused.value)
    assert refused.value.remedy


def test_a_proof_convinces_somebody_who_has_the_key_alone(busy: Path) -> None:
    made: Any = prove_entry(busy, 400)

    key = NoteKey.parse(verifier_keys(busy)["log"])
    verify_proof(made["proof"], made["leaf"].encode(), [key])
    assert parse_leaf(made["leaf"].encode())["type"] == "transfer.offered"
    assert newest_checkpoint(busy) in made["proof"]


def test_an_edited_row_is_reported(busy: Path) -> None:
    with closing(sqlite3.connect(busy / "state" / "audit.db")) as database:
        database.execute("UPDATE event SET type = 'transfer.refused' WHERE idx = 400")
        database.commit()

    report: Any = verify_log(busy, lambda _: None)

    assert not report["ok"]
    assert "400" in report["problems"][0]["where"]
    assert (report["held"]["size"], report["held"]["remembered"], report["held"]["cosigned"]) == (1, True, [])
    assert [each["kind"] for each in report["explained"]] == ["column"]
    assert "audit repair" in report["explained"][0]["remedy"]


def test_a_log_rolled_back_to_an_older_copy_is_reported(home: Path) -> None:
    database = home / "state" / "audit.db"
    with closing(sqlite3.connect(database)) as live:
        older = live.serialize()
    with Office(Layout(home)) as office:
        office.log.record(Event(id=event_id("later", "x"), type="gateway.started", actor="ada@acme.example"))
        office.remember_own()
    database.write_bytes(older)

    report: Any = verify_log(home, lambda _: None)

    assert not report["ok"]
    assert "roll" in str(report["problems"]).lower()


def test_a_file_that_is_no_log_is_reported_not_a_crash(home: Path) -> None:
    (home / "state" / "audit.db").write_bytes(b"no database at all")

    report: Any = verify_log(home, lambda _: None)

    assert not report["ok"]
    assert report["problems"]


def test_a_lost_log_is_not_an_empty_one(home: Path) -> None:
    (home / "state" / "audit.db").unlink()

    with pytest.raises(InputError, match="has lost its log"):
        verify_log(home, lambda _: None)

    assert not (home / "state" / "audit.db").exists()
