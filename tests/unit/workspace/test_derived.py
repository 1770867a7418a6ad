"""What is derived from a workspace's log is compared by anybody, and repaired by its owner."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.audit.reader import LogReader
from engine.audit.search import SearchIndex
from engine.cli import lading
from engine.errors import LogTampered
from engine.workspace.layout import Layout
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask


def run(home: Path, *words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(lading, ["-C", str(home), "--as", "ada", "audit", *words, "--json"])
    return done.exit_code, json.loads(done.stdout)


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture
def searched(home: Path) -> Path:
    """A workspace with everything that is derived: tiles, columns, a full-text index, a milestone."""
    assert verify_log(home, lambda _: None)["ok"]
    with LogReader(Layout(home).audit_database) as log:
        SearchIndex(Layout(home).search_database, log).catch_up(log.size)
    return home


def test_an_untouched_workspace_has_nothing_to_repair(searched: Path) -> None:
    code, report = run(searched, "fsck")
    assert (code, report["ok"], report["problems"]) == (0, True, [])
    assert report["compared"] == {
        "entries": 1,
        "tiles": 1,
        "checkpoints": 1,
        "indexes": 8,
        "search": True,
        "milestone": True,
    }

    size = report["size"]
    assert run(searched, "repair") == (
        0,
        {"repaired": True, "columns": 0, "tiles": 0, "indexes": False, "search": False, "milestone": False},
    )
    assert run(searched, "fsck")[1]["size"] == size


def test_everything_derived_is_repaired_and_the_log_says_so(searched: Path) -> None:
    layout = Layout(searched)
    tamper(layout.audit_database, "UPDATE event SET actor = 'nobody'", "DELETE FROM tile", "DROP INDEX event_type")
    tamper(layout.search_database, "UPDATE words SET body = 'nothing'")
    layout.milestone.write_text("{}")
    assert run(searched, "fsck")[0] == 4

    rebuilt = {"columns": 1, "tiles": 1, "indexes": True, "search": True, "milestone": True}
    assert run(searched, "repair", "--dry-run") == (0, {"repaired": False, **rebuilt})
    assert run(searched, "fsck")[0] == 4
    assert run(searched, "repair") == (0, {"repaired": True, **rebuilt})

    assert run(searched, "fsck")[0] == 0
    with LogReader(layout.audit_database) as log:
        entry = log.entry(log.size - 1)
    assert (entry.type, entry.payload) == ("log.repaired", {"actor": "ada@acme.example", **rebuilt})
    assert run(searched, "repair")[1]["columns"] == 0


def test_a_gateway_that_has_the_log_open_goes_on_with_it(home: Path) -> None:
    with Office(Layout(home)) as office:
        size = office.log.size
        tamper(office.layout.audit_database, "UPDATE tile SET hashes = zeroblob(32)")

        assert ask(office, "audit.repair")["tiles"] == 1

        assert office.log.size == size + 1
        assert office.log.entry(size).type == "log.repaired"
    assert run(home, "fsck")[0] == 0


def test_a_payload_that_was_swapped_is_not_repaired(home: Path) -> None:
    layout = Layout(home)
    tamper(layout.audit_database, "UPDATE payload SET body = x'7b7d'", "UPDATE event SET actor = 'nobody'")
    before = layout.audit_database.read_bytes()

    code, error = run(home, "repair")

    assert (code, layout.audit_database.read_bytes()) == (LogTampered.exit_code, before)
    assert "entry 0: its payload is not the one its leaf commits to" in error["title"]
    with Office(layout) as office, pytest.raises(LogTampered, match="cannot be repaired"):
        ask(office, "audit.repair", dry_run=True)


def test_people_are_told_what_was_compared_and_rebuilt(home: Path) -> None:
    def said(*words: str) -> str:
        return CliRunner().invoke(lading, ["-C", str(home), "--as", "ada", "audit", *words]).stdout

    assert "everything derived from acme.example/lading/audit/0 is what its leaves say" in said("fsck")
    tamper(Layout(home).audit_database, "UPDATE event SET actor = 'nobody'")
    damaged = said("fsck")
    assert "entry 0, column actor: says 'nobody'" in damaged
    assert "no checkpoint that is remembered or cosigned shows that it ever did" in damaged
    assert "Lists and searches may have shown it" in damaged
    assert "would rebuild the columns of 1 entry" in said("repair", "--dry-run")
    assert "rebuilt the columns of 1 entry" in said("repair")
    assert "nothing to repair" in said("repair")


def test_a_folder_of_tiles_is_held_against_the_log(home: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "cold")
    assert run(home, "tiles", folder)[0] == 0
    against = ("verify", "--against", "tiles", "--tiles", folder)
    code, report = run(home, *against)
    assert (code, report["ok"], report["tiles"]) == (0, True, {"size": 1, "entries": 1, "compared": 1})

    tamper(Layout(home).audit_database, "UPDATE tile SET hashes = zeroblob(32)")
    code, report = run(home, *against)

    assert (code, report["ok"]) == (4, False)
    assert {each["message"] for each in report["problems"]} >= {"is not the one in the folder"}
    assert run(home, "verify", "--against", "tiles")[0] == 2
