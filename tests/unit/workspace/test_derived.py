"""What is derived from a workspace's log is compared by anybody, and repaired by its owner."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.audit.erasure import erasure_events
from engine.audit.reader import LogReader
from engine.audit.search import SearchIndex
from engine.cli import lading
from engine.errors import Interrupted, LogTampered
from engine.workspace.layout import Layout
from engine.workspace.log import derived
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.operations import repairing
from tests.unit.workspace.conftest import ask, hire


def run(home: Path, *words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(lading, ["-C", str(home), "--as", "ada", "audit", *words, "--json"])
    return done.exit_code, json.loads(done.stdout)


def types_from(office: Office, index: int) -> list[str]:
    return [office.log.entry(each).type for each in range(index, office.log.size)]


def cut_short(patch: pytest.MonkeyPatch, *, before: bool = True) -> None:
    """Have the process end right before it rebuilds anything, or right after."""

    def rebuild(*args: Any, dry_run: bool) -> Any:
        if dry_run or not before:
            found = derived.rebuild(*args, dry_run=dry_run)
            if dry_run:
                return found
        raise Interrupted("the process ended", remedy="Try again.")

    patch.setattr(repairing, "rebuild", rebuild)


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture
def home(home: Path) -> Path:
    """A workspace of three entries whose policies decide, and somebody whom they do not let govern."""
    hire(home, "olga", roles="operator")
    with Office(Layout(home)) as office:
        assert office.directory.principal("olga@acme.example")
    return home


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
        "entries": 3,
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

    rebuilt = {"columns": 3, "tiles": 1, "indexes": True, "search": True, "milestone": True}
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

        assert types_from(office, size) == ["decision.permit", "log.repaired"]
    assert run(home, "fsck")[0] == 0


@pytest.mark.parametrize("damage", ["UPDATE event SET actor = 'nobody'", "DELETE FROM tile"])
def test_who_may_not_govern_repairs_nothing(home: Path, damage: str) -> None:
    layout = Layout(home)
    tamper(layout.audit_database, damage)
    takes_entries = "tile" not in damage
    with Office(layout) as office:
        denied = ask(office, "audit.repair", who="olga")
        assert "denied" in denied
        if takes_entries:
            assert types_from(office, 3) == ["decision.deny"]
    assert not layout.unrecorded.exists()
    assert run(home, "fsck")[0] == 4


def test_what_is_repaired_was_decided_and_recorded_before(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tamper(Layout(home).audit_database, "UPDATE event SET actor = 'nobody'")
    with Office(Layout(home)) as office:
        cut_short(monkeypatch)
        with pytest.raises(Interrupted):
            ask(office, "audit.repair")
        assert types_from(office, 3) == ["decision.permit", "log.repaired"]
    assert run(home, "fsck")[0] == 4


@pytest.mark.parametrize("before", [True, False])
def test_what_a_log_without_tiles_could_not_take_is_its_next_entry(
    home: Path, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    layout = Layout(home)
    tamper(layout.audit_database, "DELETE FROM tile")
    with monkeypatch.context() as cut, Office(layout) as office:
        cut_short(cut, before=before)
        with pytest.raises(Interrupted):
            ask(office, "audit.repair")
    assert layout.unrecorded.exists()

    code, report = run(home, "repair")

    assert (code, report["tiles"]) == (0, int(before))
    assert not layout.unrecorded.exists()
    with Office(layout) as office:
        assert types_from(office, 3) == ["decision.permit", "log.repaired"]
    assert run(home, "fsck")[0] == 0


def test_an_erasure_that_was_cut_short_is_finished_after_the_repair(home: Path) -> None:
    layout = Layout(home)
    with Office(layout) as office:
        ask(office, "hold.place", name="case-7", covers={"filter": "type:x.*"}, reason="letter")
        decision = types_from(office, 0).index("decision.permit")
        layout.erasing.write_bytes(b"")
        office.log.record_many(erasure_events([decision], actor="ada@acme.example", reason="asked", rule=""))
    tamper(layout.audit_database, "DELETE FROM tile")
    kinds = {each["kind"] for each in run(home, "fsck")[1]["problems"]}
    assert kinds == {"tile", "erasure"}

    assert run(home, "repair", "--dry-run")[0] == 0
    assert layout.erasing.exists()
    assert run(home, "repair")[1]["tiles"] == 1

    assert not layout.erasing.exists()
    assert run(home, "fsck")[0] == 0
    with Office(layout) as office:
        assert office.log.entry(decision).payload is None


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
    assert "would rebuild the columns of 3 entries" in said("repair", "--dry-run")
    assert "rebuilt the columns of 3 entries" in said("repair")
    assert "nothing to repair" in said("repair")


def test_a_folder_of_tiles_is_held_against_the_log(home: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "cold")
    assert run(home, "tiles", folder)[0] == 0
    against = ("verify", "--against", "tiles", "--tiles", folder)
    code, report = run(home, *against)
    assert (code, report["ok"], report["tiles"]) == (0, True, {"size": 3, "first": 0, "entries": 3, "compared": 1})

    tamper(Layout(home).audit_database, "UPDATE tile SET hashes = zeroblob(32)")
    code, report = run(home, *against)

    assert (code, report["ok"]) == (4, False)
    assert {each["message"] for each in report["problems"]} >= {"is not the one in the folder"}
    assert run(home, "verify", "--against", "tiles")[0] == 2
