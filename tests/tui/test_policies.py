"""The policies' screen: what waits, what it would change, and how it comes to decide."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.events import system_clock
from engine.workspace.governing.policy_view import Change
from engine.workspace.views import WorkspaceView
from tests.tui.sample_policies import BROKEN, FAILURE, FILES, STRICTER, PolicyDesk, digest_of
from tests.tui.sample_workspace import SampleWorkspace
from tests.tui.test_screens import cursor, line_with, lines, look, narrow, press, screens, shown
from tui.app import LadingApp
from tui.screens.ask import AskScreen
from tui.state.desk import mark
from tui.state.glyphs import UNICODE
from tui.state.line import Role

PROPOSED = digest_of(STRICTER)[:12]
ACTIVE = digest_of(FILES)[:12]


@asynccontextmanager
async def governing(
    home: Path, *keys: str, who: str | None = "bea", size: tuple[int, int] = (80, 24), clock: object = system_clock
) -> AsyncIterator[Pilot[None]]:
    """Open the policies as somebody."""
    app = LadingApp(home, clock, {}, who)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "4")
        await press(pilot, *keys)
        yield pilot


async def test_what_waits_stands_above_what_decides_the_files_and_the_past(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        rows = lines(pilot)[2:9]

        assert [row[1:14].strip() for row in rows] == [
            "▲ to approve",
            "✔ decides",
            "· same",
            "▶ changed",
            "▲ warnings",
            "· same",
            "· before",
        ]
        assert PROPOSED in rows[0]
        assert ACTIVE in rows[1]
        assert "agreement.cedar" in rows[3]
        assert f"{ACTIVE} decides  4 files  1 changed" in shown(pilot)


async def test_a_candidate_that_waits_is_an_alarm_in_every_mode(governed: SampleWorkspace) -> None:
    async with screens(governed) as pilot:
        for key in ("3", "4", "5", "2"):
            assert lines(pilot)[0].lstrip().startswith("▲ 1 candidate to approve")
            await press(pilot, key)


async def test_an_open_review_of_break_glass_is_an_alarm(governed: SampleWorkspace) -> None:
    async with screens(governed) as pilot:
        with closing(sqlite3.connect(governed.home / "state" / "transfer.db")) as db:
            db.execute("CREATE TABLE IF NOT EXISTS break_glass (id TEXT, state TEXT)")
            db.execute("DROP TABLE break_glass")
            db.execute("CREATE TABLE break_glass (id TEXT, state TEXT)")
            db.execute("INSERT INTO break_glass VALUES ('a', 'used'), ('b', 'reviewed'), ('c', 'requested')")
            db.commit()
        await look(pilot)

        assert "▲ 1 ticket to approve  ▲ 1 break-glass review open" in lines(pilot)[0]


async def test_the_report_names_problems_suites_and_what_would_change(governed: SampleWorkspace) -> None:
    async with screens(governed, "4", size=(160, 50)) as pilot:
        for part in (
            "▲ people.cedar:15:1  arithmetic-in-forbid",
            "suites  ✔ 41 passed  0 failed",
            "policies 100%  atoms 96.5%  mutation 92.1%",
            "1,197 of 1,200 recorded decisions come out as before",
            "✔ 1 newly allowed",
            "✘ 2 newly denied",
            "User::bea@acme.example send Artifact::sentiment",
            "ada@acme.example, approved by bea@acme.example",
            "four eyes are advisory here",
        ):
            assert part in shown(pilot), part


async def test_a_broken_candidate_shows_the_place_and_what_decides_stays(governed: SampleWorkspace) -> None:
    desk = PolicyDesk(governed)
    desk.write(BROKEN)
    desk.candidate(BROKEN, "broken", FAILURE, minutes_ago=1)
    async with screens(governed, "4", size=(160, 50)) as pilot:
        assert "✘ BROKEN" in line_with(pilot, "▌")
        assert "✘ people.cedar:3" in shown(pilot)
        assert "✘ ERRORS" in line_with(pilot, "people.cedar  ")
        assert "▶ new" in line_with(pilot, "draft.cedar")
        assert "✔ decides" in line_with(pilot, ACTIVE)


async def test_enter_opens_the_source_of_a_file_over_a_narrow_table(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        await press(pilot, "j", "j", "j", "enter")
        assert "agreement.cedar  changed" in shown(pilot)
        assert '  4 │ @id("deny-agreement-window")' in shown(pilot)

        await press(pilot, "escape")

        assert "BUNDLE OR FILE" in shown(pilot)


async def test_a_long_line_of_source_goes_on_below_and_nothing_is_hidden(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        await press(pilot, *"jjj", "enter")

        read = "".join(line.partition("│ ")[2].rstrip() for line in lines(pilot)[3:20] if "│" in line)
        assert "have both sign it." in read


async def test_the_folder_is_looked_at_again_when_a_file_changes(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        PolicyDesk(governed).write(STRICTER | {"extra.cedar": "// more\n"})
        for _ in range(4):
            await look(pilot)

        assert "▶ new" in line_with(pilot, "extra.cedar")


async def test_keys_that_can_do_nothing_now_are_not_offered(governed: SampleWorkspace) -> None:
    async with governing(governed.home, size=(160, 50)) as pilot:
        keys = lines(pilot)[-1]
        assert "a Approve" in keys
        assert "p Propose" not in keys
        assert "x Activate" not in keys

        await press(pilot, "x", "p")

        assert not isinstance(pilot.app.screen, AskScreen)


async def test_a_mode_does_not_change_below_a_question(governed: SampleWorkspace) -> None:
    async with governing(governed.home, "a", "2", "q", "escape") as pilot:
        assert pilot.app.current_mode == "policies"
        assert pilot.app.is_running


async def test_a_filter_finds_rows_by_kind_state_author_and_file(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        for typed, count in (
            ("kind=file", 4),
            ("state=proposed", 1),
            ("author=ada !kind=active", 1),
            ("file=agree", 1),
        ):
            await narrow(pilot, typed)
            assert f"{count} shown by /{typed}" in shown(pilot)


async def test_the_cursor_stays_on_its_row_when_something_comes_above_it(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        await press(pilot, *"jjj")
        before = line_with(pilot, "▌")
        PolicyDesk(governed).candidate(BROKEN, "broken", FAILURE, minutes_ago=0)
        await look(pilot)

        assert cursor(pilot) == 4
        assert line_with(pilot, "▌") == before


async def test_copy_gives_the_text_of_a_file_and_the_digest_of_a_bundle(governed: SampleWorkspace) -> None:
    async with screens(governed, "4") as pilot:
        await press(pilot, "y")
        assert pilot.app.clipboard == digest_of(STRICTER)

        await press(pilot, *"jjj", "y")

        assert pilot.app.clipboard == STRICTER["agreement.cedar"]


async def test_a_workspace_without_policies_says_so(empty: SampleWorkspace) -> None:
    async with screens(empty, "4") as pilot:
        await press(pilot, "j", "enter", "escape", "y", "a", "p", "x", "r", "w")
        assert "no policies yet" in shown(pilot)
        assert "nothing decides yet" in shown(pilot)


async def test_a_policy_database_that_cannot_be_read_is_an_alarm(governed: SampleWorkspace) -> None:
    (governed.home / "state" / "policy.db").write_bytes(b"nonsense" * 1000)
    async with screens(governed, "4") as pilot:
        assert "policies cannot be read" in lines(pilot)[0]


async def test_a_folder_that_cannot_be_read_says_why(governed: SampleWorkspace) -> None:
    (governed.home / "policies" / "odd.cedar").write_bytes(b"\xff")
    async with screens(governed, "4", size=(160, 50)) as pilot:
        assert "byte 0 is not UTF-8" in shown(pilot)


HOSTILE = (
    b"",
    b"[]",
    b"\xff",
    b'{"problems": 7, "suites": [], "replay": "x", "summary": ["a"]}',
    b'{"problems": [1, {"file": 3, "line": "x", "column": -1, "message": "\\u001b[2J"}]}',
    b'{"suites": {"passed": NaN, "failed": 1e400, "failures": [1, "\\u001b[31m"], "atoms": "x", "mutation": true}}',
    b'{"replay": {"decisions": "many", "newly_allowed": [{"principal": 1, "because": [2]}, "\\u202e"]}}',
)


@pytest.mark.parametrize("report", HOSTILE)
async def test_a_report_of_any_shape_is_shown_and_moves_no_cursor(governed: SampleWorkspace, report: bytes) -> None:
    with closing(sqlite3.connect(governed.home / "state" / "policy.db")) as db:
        db.execute("UPDATE candidate SET report = ?, reason = ?, author = ?", (report, "\x1b[2Jx", "e\x07ve"))
        db.execute("UPDATE activation SET reason = ?", ("\x1b]52;c;x\x07",))
        db.commit()
    async with screens(governed, "4", size=(160, 50)) as pilot:
        assert "▲ to approve" in shown(pilot)
        assert "\x1b" not in shown(pilot)
        assert "\x07" not in shown(pilot)


def test_a_database_of_another_release_is_read_as_far_as_it_goes(empty: SampleWorkspace) -> None:
    with closing(sqlite3.connect(empty.home / "state" / "policy.db")) as db:
        db.execute("CREATE TABLE candidate (digest TEXT, colour TEXT)")
        db.execute("INSERT INTO candidate VALUES ('abc', 'red')")
        db.execute("CREATE TABLE activation (number INTEGER PRIMARY KEY, at TEXT)")
        db.execute("INSERT INTO activation VALUES (1, 'yesterday')")
        db.commit()
    view = WorkspaceView(empty.home)

    standing = view.policies.standing()

    assert [each.digest for each in standing.candidates] == ["abc"]
    assert standing.active.at.year == 1970
    assert view.policies.folder().files == ()
    view.close()


def test_an_activation_that_is_not_in_the_log_does_not_decide(governed: SampleWorkspace) -> None:
    with closing(sqlite3.connect(governed.home / "state" / "policy.db")) as db:
        db.execute("UPDATE activation SET logged = 0 WHERE number = 2")
        db.commit()
    view = WorkspaceView(governed.home)

    assert view.policies.standing().active.number == 1
    view.close()


def test_files_are_compared_with_the_bundle_that_decides(governed: SampleWorkspace) -> None:
    PolicyDesk(governed).write(
        {"people.cedar": FILES["people.cedar"], "new.cedar": "", "acme.cedarschema": "entity A;"}
    )
    view = WorkspaceView(governed.home)

    changes = {file.path: file.change for file in view.policies.folder().files}

    assert changes == {
        "acme.cedarschema": Change.CHANGED,
        "agreement.cedar": Change.REMOVED,
        "new.cedar": Change.NEW,
        "people.cedar": Change.SAME,
        "tests/handoff.yaml": Change.REMOVED,
    }
    view.close()


def test_a_state_nobody_knows_asks_for_attention() -> None:
    assert mark("blessed", UNICODE).role is Role.ATTENTION
