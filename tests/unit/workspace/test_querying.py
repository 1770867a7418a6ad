"""A workspace's log is asked: filters, pages that stay, proofs, and words."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from engine.cli import lading
from engine.errors import FilterError, InputError
from engine.events import Event, event_id
from engine.workspace.layout import Layout
from engine.workspace.log import querying
from engine.workspace.log.querying import Question, ask_log, completions
from engine.workspace.office import Office

# A shell that runs the tests in the background has Ctrl-C ignored, in every process below it.
STOPS = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]


def record(home: Path, start: int, count: int) -> None:
    with Office(Layout(home)) as office:
        office.log.record_many(
            [
                Event(
                    id=event_id("busy", str(number)),
                    type="transfer.offered" if number % 2 else "decision.permit",
                    actor="bea@acme.example" if number % 5 == 0 else "ada@acme.example",
                    transfer=f"tr-{number % 3:024x}",
                    payload={"purpose": "fraud screening" if number == 333 else "evaluation"},
                )
                for number in range(start, start + count)
            ]
        )
        office.remember_own()


@pytest.fixture
def busy(home: Path) -> Path:
    record(home, 0, 700)
    return home


def ask(home: Path, text: str, **options: Any) -> Any:
    return ask_log(home, Question(text=text, **options))


def indexes(result: Any) -> list[int]:
    return [entry["index"] for entry in result["entries"]]


def test_entries_come_newest_first_or_oldest_first(busy: Path) -> None:
    assert indexes(ask(busy, "", limit=1000)) == list(range(700, -1, -1))
    assert indexes(ask(busy, "", limit=3, newest_first=False)) == [0, 1, 2]


def test_entries_are_found_by_type_and_transfer_and_actor(busy: Path) -> None:
    offered = ask(busy, f"type:transfer.offered transfer:tr-{1:024x} actor:bea@acme.example", limit=1000)

    assert indexes(offered) == [n + 1 for n in range(699, -1, -1) if n % 2 and n % 3 == 1 and n % 5 == 0]
    assert {entry["actor"] for entry in offered["entries"]} == {"bea@acme.example"}
    assert ask(busy, "type:no.such")["entries"] == []


@pytest.mark.parametrize("newest", [True, False])
def test_new_entries_do_not_shift_the_pages_of_a_cursor(busy: Path, newest: bool) -> None:  # noqa: FBT001
    page = ask(busy, "type:transfer.*", limit=100, newest_first=newest)
    seen = indexes(page)
    record(busy, 700, 50)

    while page["next"]:
        page = ask(busy, "type:transfer.*", limit=100, after=page["next"])
        seen += indexes(page)

    assert seen == [n + 1 for n in (range(699, -1, -1) if newest else range(700)) if n % 2]


@pytest.mark.parametrize("harm", ["filter", "text", "log"])
def test_a_cursor_of_something_else_is_refused(busy: Path, harm: str) -> None:
    cursor = ask(busy, "type:transfer.*", limit=5)["next"]
    if harm == "log":
        with closing(sqlite3.connect(busy / "state" / "audit.db")) as db, db:
            db.execute("UPDATE checkpoint SET size = 3")

    with pytest.raises(InputError, match="the cursor cannot be used"):
        ask(busy, "" if harm == "filter" else "type:transfer.*", after="e30" if harm == "text" else cursor)


def test_every_row_has_the_state_of_its_proof(busy: Path) -> None:
    assert {entry["proof"] for entry in ask(busy, "")["entries"]} == {"unchecked"}
    proved = ask(busy, "", prove=True)
    assert {entry["proof"] for entry in proved["entries"]} == {"proved"}
    assert proved["checkpoint"] == 701

    with closing(sqlite3.connect(busy / "state" / "audit.db")) as db, db:
        db.execute(
            "UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'offered', 'refused') AS BLOB), "
            "type = 'transfer.refused' WHERE idx = 400"
        )
    forged = ask(busy, "type:transfer.refused", prove=True)

    assert [(entry["index"], entry["proof"]) for entry in forged["entries"]] == [(400, "broken")]
    assert forged["broken"] == 1


def test_words_are_found_through_the_index_and_without_it(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    found = ask_log(busy, Question(text='"Fraud Screening"'), told.append)
    assert (indexes(found), found["searched"]) == ([334], "full-text index")
    assert told[-1] == {"step": "indexing", "done": 701, "total": 701}

    (busy / "state" / "search.db").unlink()
    monkeypatch.setattr(os, "open", refused)
    scanned = ask(busy, "fraud -evaluation")

    assert (indexes(scanned), scanned["searched"]) == ([334], "every leaf")
    assert not (busy / "state" / "search.db").exists()


def refused(*_: object) -> int:
    raise PermissionError(13, "Permission denied")


def test_a_name_without_its_key_is_refused(busy: Path) -> None:
    (busy / "keys" / "pseudonym.key").unlink()

    with pytest.raises(querying.LadingError, match="pseudonym key"):
        ask(busy, "actor:ada@acme.example")


def test_completion_knows_what_the_log_holds(busy: Path) -> None:
    assert [one.text for one in completions(busy, "type:tr", 7)] == ["transfer.*", "transfer.offered"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("type:tr", ["type:transfer.*", "type:transfer.offered"]), ("since:1h dec", ["since:1h decision:"]), ("x:", [])],
)
def test_a_shell_completes_filters(busy: Path, typed: str, offered: list[str]) -> None:
    shell = ShellComplete(lading, {}, "lading", "_LADING_COMPLETE")

    found = shell.get_completions(["-C", str(busy), "audit", "query"], typed)

    assert [each.value for each in found] == offered


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(lading, ["-C", str(home), "audit", *arguments])


def test_the_command_shows_a_page_its_proofs_and_the_way_on(busy: Path) -> None:
    result = run(busy, "query", "type:transfer.offered", "--limit", "2", "--prove")

    assert result.exit_code == 0
    assert result.output.count("✔") == 2
    assert "proofs checked against checkpoint 701" in result.output
    cursor = result.output.split("--after ")[1].strip()
    assert "696" in run(busy, "query", "type:transfer.offered", "--limit", "2", "--after", cursor).output


def test_the_command_points_at_what_is_wrong_with_a_filter(busy: Path) -> None:
    with pytest.raises(FilterError):
        ask(busy, "typ:x")

    result = run(busy, "query", "typ:x")

    assert result.exit_code == 2
    assert "did you mean 'type'?" in result.output


def test_the_command_exits_4_when_a_row_is_broken(busy: Path) -> None:
    with closing(sqlite3.connect(busy / "state" / "audit.db")) as db, db:
        db.execute("UPDATE event SET type = 'decision.deny' WHERE idx = 400")

    result = run(busy, "query", "type:decision.deny")

    assert result.exit_code == 4
    assert "entry 400 is broken: its columns do not say what its leaf says: type" in result.output


def test_show_still_shows(busy: Path) -> None:
    assert run(busy, "show", "--limit", "3").output.count("\n") == 5
    assert "workspace.created" in run(busy, "show", "--entry", "0").output
    assert run(busy, "show", "--type", 'no "such').output == "no entries match\n"
