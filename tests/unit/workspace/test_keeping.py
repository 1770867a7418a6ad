"""Keeping the record: what goes, what a hold or a need keeps, and what the settings ask for."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.audit.selection import all_rows
from engine.errors import FilterError, InputError, LogTampered, UsageError, WorkspaceError
from engine.events import Event
from engine.transfer.outgoing import Outgoing
from engine.workspace.layout import Layout
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform
from engine.workspace.operations.keeping import apply_retention
from engine.workspace.service import daily
from engine.workspace.settings import load_settings
from engine.workspace.turns import WAITING
from tests.unit.workspace.conftest import ask, hire

SERVICE = "spiffe://acme.example/gateway"


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    hire(home, "sec", roles="security")
    with Office(Layout(home)) as opened:
        yield opened


def say(office: Office, number: int, kind: str = "artifact.viewed", **more: Any) -> int:
    event = Event(id=f"e{number}", type=kind, actor="ben@acme.example", payload={"reason": f"word-{number}"}, **more)
    return office.log.record(event).index


def kept(result: Any) -> dict[str, list[int]]:
    return {each["why"]: each["entries"] for each in result["kept"]}


def test_who_may_not_govern_erases_nothing(office: Office) -> None:
    index = say(office, 1)
    hire(office.layout.home, "olga", roles="operator")

    assert "denied" in ask(office, "audit.erase", who="olga", entries=[str(index)])
    assert "denied" in ask(office, "hold.place", who="olga", name="x", covers={"filter": "type:*"}, reason="r")
    assert "denied" in ask(office, "hold.lift", who="olga", name="x")
    assert "denied" in ask(office, "audit.retain", who="olga")
    assert office.log.entry(index).payload is not None


def test_a_dry_run_erases_nothing_and_records_no_erasure(office: Office) -> None:
    index = say(office, 1)

    told = ask(office, "audit.erase", who="sec", entries=[str(index)], dry_run=True)

    assert (told["erased"], told["entries"], told["by_type"]) == (False, [index], {"artifact.viewed": 1})
    assert office.log.entry(index).payload is not None


def test_a_person_is_found_by_name_and_by_what_others_wrote(office: Office) -> None:
    first, second = say(office, 1), say(office, 2)
    other = office.log.record(Event(id="o", type="artifact.copied", actor="eve@x", payload={"reason": "for ben@acme"}))

    assert ask(office, "audit.erase", who="sec", actors=["ben"], dry_run=True)["entries"] == [first, second]
    assert ask(office, "audit.erase", who="sec", naming="ben@acme")["entries"] == [first, second, other.index]
    assert ask(office, "audit.erase", who="sec", actors=["ben"])["before"] == 2


def test_naming_nothing_is_refused(office: Office) -> None:
    with pytest.raises(UsageError, match="no entries are named"):
        ask(office, "audit.erase", who="sec")
    with pytest.raises(UsageError, match="covers nothing"):
        ask(office, "hold.place", who="sec", name="x", covers={}, reason="r")


@pytest.mark.parametrize(
    ("field", "value"),
    [("entries", ["x"]), ("entries", ["9-2"]), ("actors", [""]), ("naming", "x"), ("reason", "x" * 1001)],
)
def test_a_wrong_condition_is_named(office: Office, field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        ask(office, "audit.erase", who="sec", **{field: value})


def test_a_filter_that_cannot_be_read_erases_nothing(office: Office) -> None:
    with pytest.raises(FilterError, match="tipe"):
        ask(office, "audit.erase", who="sec", filter="tipe:artifact.viewed")


def test_all_conditions_have_to_hold(office: Office) -> None:
    viewed, copied = say(office, 1), say(office, 2, "artifact.copied")
    wish = {"filter": "-type:artifact.viewed", "actors": ["ben", "eve"], "entries": [f"{viewed}-{copied}"]}

    assert ask(office, "audit.erase", who="sec", dry_run=True, **wish)["entries"] == [copied]


def test_erased_words_are_searched_for_in_vain(office: Office) -> None:
    event = Event(id="e", type="artifact.viewed", actor="ben@acme.example", payload={"reason": "Zyxquill"})
    index = office.log.record(event).index
    home = office.layout.home
    assert [each["index"] for each in ask_log(home, Question(text="zyxquill"))["entries"]] == [index]

    ask(office, "audit.erase", who="sec", entries=[str(index)])

    assert ask_log(home, Question(text="zyxquill"))["entries"] == []
    assert b"zyxquill" not in office.layout.search_database.read_bytes()


def test_a_hold_that_waits_for_a_backup_says_so_and_then_stands(office: Office) -> None:
    waits, reports = threading.Event(), []

    def told(report: Any) -> None:
        reports.append(report)
        if report["step"] == WAITING:
            waits.set()

    wish = {"name": "case-7", "covers": {"filter": "type:x.*"}, "reason": "letter"}
    call = Call(office.mint("sec"), wish, told, threading.Event())
    with ThreadPoolExecutor(1) as pool, office.keeping.turn("a backup", lambda _: None):
        placing = pool.submit(perform, office, "hold.place", call)
        assert waits.wait(60)
        assert ask(office, "hold.list", who="sec")["holds"] == []
    assert placing.result()["name"] == "case-7"
    assert [each["detail"] for each in reports if each["step"] == WAITING] == ["a backup"]
    assert [each["name"] for each in ask(office, "hold.list", who="sec")["holds"]] == ["case-7"]


def test_nobody_is_told_of_waiting_who_does_not_wait(office: Office) -> None:
    said: list[str] = []
    for _ in range(2):
        with office.keeping.turn("a backup", said.append):
            pass
    assert said == []


def test_a_hold_wins_and_says_which(office: Office) -> None:
    first, second = say(office, 1), say(office, 2, "artifact.copied")
    ask(office, "hold.place", who="sec", name="case-7", covers={"filter": "type:artifact.viewed"}, reason="letter")

    done = ask(office, "audit.erase", who="sec", entries=[str(first), str(second)])

    assert (done["entries"], kept(done)) == ([second], {"hold 'case-7' covers it": [first]})
    ask(office, "hold.lift", who="sec", name="case-7")
    assert ask(office, "audit.erase", who="sec", entries=[str(first)])["entries"] == [first]
    assert verify_log(office.layout.home, lambda _: None)["ok"]


def test_a_hold_that_another_thread_places_during_an_erasure_comes_before_or_after_it_and_never_between(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = say(office, 1)
    wish = {"name": "case-7", "covers": {"filter": "type:artifact.viewed"}, "reason": "letter"}
    placing = threading.Thread(target=lambda: ask(office, "hold.place", who="sec", **wish))
    record = office.log.record_many

    def after_a_hold(events: Sequence[Event]) -> Any:
        if events[0].type == "payload.erased":
            placing.start()
            placing.join(1)
        return record(events)

    monkeypatch.setattr(office.log, "record_many", after_a_hold)
    done = ask(office, "audit.erase", who="sec", entries=[str(index)])
    placing.join(60)

    [hold] = ask(office, "hold.list", who="sec")["holds"]
    [erased] = [row.index for row in all_rows(office.log.reader) if row.type == "payload.erased"]
    assert (done["entries"], kept(done)) == ([index], {})
    assert hold["entry"] > erased


def test_a_hold_placed_while_the_log_is_verified_keeps_what_retention_had_found(home: Path) -> None:
    settings = home / "lading.toml"
    settings.write_text(settings.read_text() + '\n[retention.keep]\n"artifact.viewed" = "90d"\n')
    now = datetime.now(UTC)
    with Office(Layout(home), lambda: now) as office:
        viewed = say(office, 1)
    with Office(Layout(home), lambda: now + timedelta(days=91)) as office:
        covers = {"filter": "type:artifact.viewed"}
        steps = iter([lambda: ask(office, "hold.place", covers=covers, name="case-7", reason="letter")])

        def place_once(_: object) -> None:
            for place in steps:
                place()

        call = Call(None, {}, place_once, threading.Event())
        done = apply_retention(office, call, SERVICE, dry_run=False)

        assert (done["entries"], kept(done)) == ([], {"hold 'case-7' covers it": [viewed]})
        assert office.log.entry(viewed).payload is not None


def test_placing_a_hold_again_is_the_same_hold_unless_it_covers_something_else(office: Office) -> None:
    wish = {"name": "case-7", "covers": {"actors": ["ben"]}, "reason": "letter"}
    placed = ask(office, "hold.place", who="sec", **wish)

    assert ask(office, "hold.place", who="sec", **wish)["entry"] == placed["entry"]
    with pytest.raises(UsageError, match="covers something else"):
        ask(office, "hold.place", who="sec", **wish | {"covers": {"filter": "type:*"}})
    assert [each["name"] for each in ask(office, "hold.list", who="sec")["holds"]] == ["case-7"]
    assert "ben" not in str(placed["covers"])


def test_what_says_what_was_erased_or_held_stays(office: Office) -> None:
    ask(office, "hold.place", who="sec", name="case-7", covers={"filter": "type:trust.*"}, reason="letter")
    ask(office, "hold.lift", who="sec", name="case-7")
    ask(office, "audit.erase", who="sec", entries=[str(say(office, 1))])

    done = ask(office, "audit.erase", who="sec", filter="type:hold.*")
    again = ask(office, "audit.erase", who="sec", filter="type:payload.erased")

    assert (done["entries"], again["entries"]) == ([], [])
    assert len(kept(done)["it says what was erased or held, and stays"]) == 2


def test_a_transfer_under_way_keeps_its_entries(office: Office) -> None:
    moving = Outgoing(
        id="tr-1",
        artifact="a" * 64,
        partner="borealis.example",
        agreement="b" * 64,
        purpose="evaluation",
        impact="word-1",
        actor="ben@acme.example",
        name="m",
        version="1",
        state="offered",
        step="send",
        detail="",
        chunks_total=1,
        chunks_done=0,
        chunks_sent=0,
        bytes_total=1,
        bytes_done=0,
        started=0.0,
        updated=0.0,
    )
    office.outgoing.add(moving)
    index = say(office, 1, "transfer.offered", transfer="tr-1")

    assert kept(ask(office, "audit.erase", who="sec", entries=[str(index)])) == {"transfer tr-1 is under way": [index]}
    office.outgoing.save(replace(moving, state="completed"))
    assert ask(office, "audit.erase", who="sec", entries=[str(index)])["entries"] == [index]
    assert (office.outgoing.get("tr-1").actor, office.outgoing.get("tr-1").impact) == ("(erased)", "(erased)")
    assert office.outgoing.get("tr-1").purpose == "evaluation"


def test_the_bundle_that_decides_keeps_its_history(office: Office) -> None:
    active = office.governance.store.active()

    done = ask(office, "audit.erase", who="sec", filter="type:policy.*")

    assert done["entries"] == []
    assert list(kept(done)) == [f"bundle {str(active)[:16]} decides, or waits to"]


def test_nothing_is_erased_from_a_log_that_does_not_verify(office: Office) -> None:
    index, other = say(office, 1), say(office, 2)
    with closing(sqlite3.connect(office.layout.audit_database, isolation_level=None)) as db:
        db.execute("UPDATE payload SET body = ? WHERE idx = ?", (b"{}", other))

    with pytest.raises(LogTampered, match="does not verify"):
        ask(office, "audit.erase", who="sec", entries=[str(index)])

    assert office.log.entry(index).payload is not None


def test_retention_erases_what_is_too_old_and_nothing_twice(home: Path) -> None:
    settings = home / "lading.toml"
    settings.write_text(settings.read_text() + '\n[retention.keep]\n"artifact.viewed" = "90d"\n"artifact.*" = "2y"\n')
    now = datetime.now(UTC)
    with Office(Layout(home), lambda: now) as office:
        viewed, copied = say(office, 1), say(office, 2, "artifact.copied")
        held = say(office, 3, transfer="tr-9")
        ask(office, "hold.place", covers={"filter": "transfer:tr-9"}, name="case-7", reason="letter")
    with Office(Layout(home), lambda: now + timedelta(days=91)) as office:
        call = Call(None, {}, lambda _: None, None)  # type: ignore[arg-type]
        told = apply_retention(office, call, SERVICE, dry_run=True)
        assert office.log.entry(viewed).payload is not None
        done = apply_retention(office, call, SERVICE, dry_run=False)
        again = apply_retention(office, call, SERVICE, dry_run=False)

        assert (told["entries"], told["by_rule"]) == (done["entries"], {"artifact.viewed=90d": 1})
        assert (done["entries"], kept(done)) == ([viewed], {"hold 'case-7' covers it": [held]})
        assert (again["entries"], again["before"]) == ([], 1)
        assert office.log.entry(copied).payload is not None
        newest = office.log.entry(office.log.size - 1)
        assert newest.payload is not None
        assert (newest.type, newest.payload["rule"]) == ("payload.erased", "artifact.viewed=90d")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('keep = { "artifact.viewed" = "soon" }', "retention.keep.artifact.viewed"),
        ('keep = { "Artifact" = "1y" }', "retention.keep"),
        ("daily = 7", "retention.daily"),
        ("often = true", "retention.often"),
    ],
)
def test_a_wrong_profile_is_named_by_its_field(home: Path, text: str, field: str) -> None:
    settings = home / "lading.toml"
    settings.write_text(f"{settings.read_text()}\n[retention]\n{text}\n")

    with pytest.raises(WorkspaceError, match=field):
        load_settings(settings)


def test_a_day_has_to_pass_between_two_rounds_unless_one_failed() -> None:
    times = iter((1000.0, 4600.0, 8200.0, 4600.0 + 86_399, 4600.0 + 86_400))
    done: list[str] = []

    def work() -> None:
        done.append("tried")
        if len(done) == 1:
            raise LogTampered("damaged", remedy="mend it")

    round_ = daily(work, lambda: next(times))
    with pytest.raises(LogTampered):
        round_()
    counts = []
    for _ in range(4):
        round_()
        counts.append(len(done))

    assert counts == [2, 2, 2, 3]


def test_an_entry_that_is_not_there_cannot_be_erased(office: Office) -> None:
    with pytest.raises(InputError, match="no entry 999999, it has"):
        ask(office, "audit.erase", entries=["0", "1-999999"], dry_run=True)
