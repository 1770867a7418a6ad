"""Erased means erased, also what stands in a log that ended when its key was rotated."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LogTampered, UsageError
from engine.workspace.keeping import erasing
from engine.workspace.keeping.erasing import settle
from engine.workspace.log.record import verify_log
from engine.workspace.origins import rotating
from engine.workspace.origins.continuing import verify_continuations
from engine.workspace.origins.rotating import rotate_key
from tests.integration.link import Crash
from tests.integration.simulator import ACME, Clock, Linked, PartnerSimulator, Side
from tests.integration.test_erasure import NAME, SAMPLE, TEXT, everywhere, holding

FORMER = f"{ACME}/lading/audit/0"


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PartnerSimulator]:
    """Partners, one of whom wrote telling words in its log and then rotated the log's key."""
    simulator = PartnerSimulator(tmp_path / "two", SAMPLE, Clock())
    everywhere(simulator, tmp_path / "model")
    rotate(simulator, monkeypatch)
    yield simulator
    simulator.close()


def rotate(two: PartnerSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    office = two.acme.office
    with monkeypatch.context() as patch:
        patch.setattr(rotating, "Dialing", lambda *_: Linked(office, two.acme.links))
        two.acme.close()
        rotate_key(two.acme.home, who="eve", reason="yearly", clock=two.clock)
    two.acme.open()


def problems(side: Side) -> list[dict[str, str]]:
    """What verification finds in the log and in the former ones."""
    report: Any = verify_log(side.home, lambda _: None)
    return [*report["problems"], *(each for former in verify_continuations(side.home) for each in former["problems"])]


def tamper(side: Side, statement: str) -> None:
    side.close()
    with closing(sqlite3.connect(side.home / "state" / "audit-0.db")) as db, db:
        db.execute(statement)
    side.open()


def test_after_erasing_no_former_log_holds_the_words(two: PartnerSimulator) -> None:
    assert "state/audit-0.db" in holding(two.acme.home, TEXT)

    for word in (NAME, TEXT):
        done = two.acme.ask("audit.erase", who="eve", naming=word)
        assert [each["origin"] for each in done["former"]] == [FORMER]
        assert (done["kept"], done["still_named_in"]) == ([], [])

    assert holding(two.acme.home, TEXT) == []
    assert holding(two.acme.home, NAME) == []
    assert problems(two.acme) == []
    assert two.acme.ask("audit.erase", who="eve", naming=TEXT)["former"] == []


def test_the_log_that_is_written_says_what_went_from_the_former_one(two: PartnerSimulator) -> None:
    done = two.acme.ask("audit.erase", who="eve", naming=TEXT)

    [said] = [entry.payload or {} for entry in two.acme.entries("payload.erased")]
    named = [index for first, last in said["entries"] for index in range(first, last + 1)]
    assert (said["origin"], named) == (FORMER, done["former"][0]["entries"])


def test_the_next_rotation_leaves_what_was_erased_explained(
    two: PartnerSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.acme.ask("audit.erase", who="eve", naming=TEXT)

    rotate(two, monkeypatch)

    assert problems(two.acme) == []
    tamper(two.acme, "DELETE FROM payload WHERE idx = 0")
    [found] = problems(two.acme)
    assert found["message"] == "its payload is missing, and no entry says that it was erased"


def test_a_payload_that_came_back_into_a_former_log_is_found(two: PartnerSimulator) -> None:
    path = two.acme.home / "state" / "audit-0.db"
    with closing(sqlite3.connect(path)) as db:
        [(index, salt, body)] = db.execute("SELECT * FROM payload WHERE instr(body, 'Zyxq') LIMIT 1").fetchall()
    two.acme.ask("audit.erase", who="eve", naming=TEXT)
    two.acme.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO payload VALUES (?, ?, ?)", (index, salt, body))

    [found] = problems(two.acme)

    assert found["where"] == f"entry {index}"
    assert f"of {ACME}/lading/audit/1, and is still there" in found["message"]
    two.acme.open()
    assert settle(two.acme.office) == 1
    assert problems(two.acme) == []


def test_nothing_is_erased_while_a_former_log_does_not_verify(two: PartnerSimulator) -> None:
    tamper(two.acme, "UPDATE event SET partner = 'mallory.example' WHERE idx = 3")

    with pytest.raises(LogTampered, match=rf"the log {FORMER} does not verify: entry 3"):
        two.acme.ask("audit.erase", who="eve", naming=TEXT)

    assert "state/audit-0.db" in holding(two.acme.home, TEXT)


def test_indices_are_those_of_the_log_that_is_written(two: PartnerSimulator) -> None:
    done = two.acme.ask("audit.erase", who="eve", entries=["0"], dry_run=True)

    assert done["former"] == []
    assert all("in acme.example" not in each["why"] for each in done["kept"])


@pytest.mark.parametrize("cut", ["_finish", "_forget", "remove_payloads", "remove_payloads_of", "rewrite_file"])
def test_a_crash_between_two_logs_is_finished_when_the_owner_starts(
    two: PartnerSimulator, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(erasing, cut, crash)
        with pytest.raises(Crash):
            two.acme.ask("audit.erase", who="eve", naming=TEXT)
    two.acme.restart()

    settle(two.acme.office)

    assert holding(two.acme.home, TEXT) == []
    assert problems(two.acme) == []
    assert settle(two.acme.office) == 0


def test_a_hold_of_a_former_log_wins_until_it_is_lifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = PartnerSimulator(tmp_path / "two", SAMPLE, Clock())
    everywhere(two, tmp_path / "model")
    two.acme.ask("hold.place", who="eve", name="case-7", covers={"filter": "type:*"}, reason="letter")
    rotate(two, monkeypatch)
    acme = two.acme
    [stands] = acme.ask("hold.list", who="eve")["holds"]
    assert (stands["name"], stands["origin"]) == ("case-7", FORMER)

    held = acme.ask("audit.erase", who="eve", naming=TEXT)

    assert held["former"] == []
    assert any(each["why"] == f"hold 'case-7' covers it, in {FORMER}" for each in held["kept"])
    assert "state/audit-0.db" in holding(acme.home, TEXT)

    acme.ask("hold.lift", who="eve", name="case-7", reason="settled")

    assert acme.ask("hold.list", who="eve")["holds"] == []
    with pytest.raises(UsageError, match="no hold case-7 stands"):
        acme.ask("hold.lift", who="eve", name="case-7")
    assert acme.ask("audit.erase", who="eve", naming=TEXT)["former"]
    assert holding(acme.home, TEXT) == []
    assert problems(acme) == []
    two.close()


def test_a_hold_that_is_placed_now_covers_former_logs_too(two: PartnerSimulator) -> None:
    placed = two.acme.ask("hold.place", who="eve", name="case-8", covers={"filter": "type:*"}, reason="letter")

    assert placed["entries"] > two.acme.office.log.size
    assert two.acme.ask("audit.erase", who="eve", naming=TEXT)["former"] == []
