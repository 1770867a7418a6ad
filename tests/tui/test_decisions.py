"""The decisions' screen: what policy decided, why, and where it is written."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from engine.workspace.governing.decision_view import DecisionView, Verdict
from engine.workspace.views import WorkspaceView
from tests.tui.sample_policies import BROKEN, FILES, QUESTIONS, STRICTER, PolicyDesk, digest_of
from tests.tui.sample_workspace import SampleWorkspace, event
from tests.tui.test_screens import cursor, line_with, lines, look, narrow, press, screens, shown
from tui.state.cedar_text import highlight
from tui.state.docket import STRETCH, Docket
from tui.state.excerpt import excerpt
from tui.state.glyphs import UNICODE
from tui.state.line import Role


def decisions(workspace: SampleWorkspace) -> list[DecisionView]:
    view = WorkspaceView(workspace.home)
    found = view.decisions.scan(0, 1000)
    view.close()
    return found


@asynccontextmanager
async def reading(
    workspace: SampleWorkspace, *keys: str, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """Open the decisions, and press keys once they are all there."""
    async with screens(workspace, "3", size=size) as pilot:
        await press(pilot, *keys)
        yield pilot


async def test_decisions_stand_newest_first_each_row_proved(governed: SampleWorkspace) -> None:
    async with reading(governed) as pilot:
        rows = lines(pilot)[2:10]

        assert [row[3:13].strip() for row in rows] == [
            "✘ shadow",
            "✘ DENY",
            "▲ failsafe",
            "✔ permit",
            "✘ DENY",
            "✘ DENY",
            "✘ DENY",
            "✔ permit",
        ]
        assert {row[1] for row in rows} == {"✔"}
        assert "20 decisions  following" in shown(pilot)


async def test_an_edit_behind_the_screen_breaks_the_decision_it_touched(governed: SampleWorkspace) -> None:
    async with reading(governed, size=(160, 50)) as pilot:
        governed.tamper("UPDATE payload SET body = CAST(replace(body, 'ada', 'eve') AS BLOB) WHERE idx = 49")
        await look(pilot)

        broken = [line for line in lines(pilot)[2:20] if line[1] == "✘"]
        assert len(broken) == 1
        assert "entry 49" in broken[0]
        assert lines(pilot)[0].lstrip().startswith("✘ 1 proof BROKEN")


async def test_a_denial_names_condition_values_remedy_bundle_and_the_line_it_is_written_on(
    governed: SampleWorkspace,
) -> None:
    async with reading(governed, "j", size=(160, 50)) as pilot:
        for part in (
            "✘ deny-residency  agreement.cedar:15",
            "resource.residency != context.region is true",
            "context.region = US",
            "remedy Send to a region",
            digest_of(FILES),
            "agreement.cedar:26",
            " 26 │   resource.residency != context.region",
        ):
            assert part in shown(pilot), part


async def test_on_a_narrow_terminal_tree_and_source_cover_the_table(governed: SampleWorkspace) -> None:
    async with reading(governed, "j", "enter", size=(80, 40)) as pilot:
        assert "BECAUSE" not in shown(pilot)
        assert "✘ deny-residency" in shown(pilot)
        assert " 26 │   resource.residency != context.region" in shown(pilot)

        await press(pilot, "escape")

        assert "BECAUSE" in shown(pilot)


async def test_without_a_permit_the_nearest_one_is_named_with_what_it_lacks(governed: SampleWorkspace) -> None:
    async with reading(governed, *"jjjj", size=(160, 50)) as pilot:
        assert "✘ no-permit  no policy permits it" in shown(pilot)
        assert "send-signed  came nearest  people.cedar:3" in shown(pilot)
        assert "resource.signed is false" in shown(pilot)


async def test_a_failsafe_says_which_guard_spoke(governed: SampleWorkspace) -> None:
    async with reading(governed, "j", "j", size=(160, 50)) as pilot:
        assert "▲ unknown-action  a guard denied" in shown(pilot)
        assert "no policy decided" in shown(pilot)


async def test_what_a_candidate_said_in_shadow_is_marked_and_has_its_own_source(governed: SampleWorkspace) -> None:
    async with reading(governed, size=(160, 50)) as pilot:
        assert "said by a candidate; nobody acted on it" in shown(pilot)
        assert "resource has residency && resource.residency" in shown(pilot)


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("decision=failsafe", 1),
        ("actor=lou", 1),
        ("action=view", 2),
        ("policy=deny-residency", 3),
        ("because=no-permit", 2),
        ("partner=borealis action=send", 5),
        ("mode=shadow", 1),
        ("!decision=permit !mode=shadow action=send", 3),
        ("fraud-graph", 5),
    ],
)
async def test_a_filter_finds_decisions_by_what_their_records_say(
    governed: SampleWorkspace, typed: str, count: int
) -> None:
    async with reading(governed) as pilot:
        await narrow(pilot, typed)

        assert f"{count} {'decision' if count == 1 else 'decisions'} by /{typed}" in shown(pilot)
        await press(pilot, "escape")
        assert "20 decisions" in shown(pilot)


async def test_new_decisions_come_on_top_and_the_cursor_stays_unless_it_follows(governed: SampleWorkspace) -> None:
    async with reading(governed) as pilot:
        PolicyDesk(governed).decide(FILES, ("ada", "view", "sentiment", "US"))
        await look(pilot)
        assert cursor(pilot) == 0
        assert "view-all" in line_with(pilot, "▌")

        await press(pilot, "j")
        before = line_with(pilot, "▌")
        PolicyDesk(governed).decide(FILES, ("bea", "view", "sentiment", "US"))
        await look(pilot)

        assert cursor(pilot) == 2
        assert line_with(pilot, "▌") == before


async def test_copy_gives_the_record_as_it_was_written(governed: SampleWorkspace) -> None:
    async with reading(governed, "j", "y") as pilot:
        record = json.loads(pilot.app.clipboard)

    assert record["format"] == "lading/decision/v1"
    assert record["reasons"] == ["deny-residency"]


async def test_a_paused_screen_takes_no_new_decisions(governed: SampleWorkspace) -> None:
    async with reading(governed, "space") as pilot:
        PolicyDesk(governed).decide(FILES, ("ada", "view", "sentiment", "US"))
        await look(pilot)
        assert "20 decisions" in shown(pilot)

        await press(pilot, "space")
        await look(pilot)

        assert "21 decisions" in shown(pilot)


async def test_no_decisions_yet_is_said(empty: SampleWorkspace) -> None:
    async with screens(empty, "3", "j", "enter", "escape", "y", "f", "space") as pilot:
        assert "no decisions yet" in shown(pilot)


async def test_a_policy_database_that_cannot_be_read_hides_the_source_and_nothing_else(
    governed: SampleWorkspace,
) -> None:
    (governed.home / "state" / "policy.db").write_bytes(b"nonsense" * 1000)
    async with reading(governed, "j", size=(160, 50)) as pilot:
        assert "context.region = US" in shown(pilot)
        assert "not in a bundle that this workspace keeps" in shown(pilot)


def test_a_decision_whose_payload_was_erased_keeps_its_verdict_and_loses_the_rest(governed: SampleWorkspace) -> None:
    governed.tamper("DELETE FROM payload")

    found = decisions(governed)

    assert {each.lost for each in found} == {"its payload was erased"}
    assert [each.verdict for each in found[-3:]] == [Verdict.FAILSAFE, Verdict.DENY, Verdict.UNKNOWN]
    assert {each.record for each in found} == {""}


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "null",
        "{",
        '{"decision": ["permit"], "failsafe": 7, "reasons": "x", "request": [], "conditions": {}}',
        '{"decision": {}, "request": {"resource": 3, "action": null}, "conditions": [7, {"values": [], "holds": 1}]}',
        '{"reasons": [1, "\\u001b[2J"], "conditions": [{"policy": "\\u001b[31m", "values": {"\\u202e": {}}}]}',
        "[" * 100_000,
    ],
)
async def test_a_record_of_any_shape_is_shown_and_moves_no_cursor(empty: SampleWorkspace, record: str) -> None:
    empty.pin()
    payload = {"action": "send\x1b[2J", "because": ["x\x07"], "record": record}
    empty.record(
        event(1, "decision.shadow", payload=payload), event(2, "decision.deny", decision="deny", payload=payload)
    )

    async with screens(empty, "3", size=(160, 50)) as pilot:
        for _ in range(2):
            assert "2 decisions" in shown(pilot)
            assert "\x1b" not in shown(pilot)
            await press(pilot, "j")


def test_a_bundle_that_was_changed_in_the_database_is_not_the_source_of_anything(governed: SampleWorkspace) -> None:
    with sqlite3.connect(governed.home / "state" / "policy.db") as db:
        db.execute("UPDATE bundle SET files = replace(files, 'context.region', 'resource.region')")
    db.close()
    view = WorkspaceView(governed.home)

    assert view.policies.place(digest_of(FILES), "deny-residency") is None
    view.close()


def test_a_policy_is_found_by_its_id_and_not_by_what_looks_like_one(governed: SampleWorkspace) -> None:
    tricky = FILES | {
        "people.cedar": '// @id("deny-residency")\n@id("send-signed") @owner("x") @remedy("not @id(\\"view-all\\")")\n'
        "permit (principal, action, resource);\n"
    }
    PolicyDesk(governed).activate(tricky, minutes_ago=1)
    view = WorkspaceView(governed.home)
    place = view.policies.place(digest_of(tricky), "send-signed")

    assert (place.file, place.line, place.start) == ("people.cedar", 2, 1)
    assert view.policies.place(digest_of(tricky), "view-all") is None
    assert view.policies.place(digest_of(tricky), "deny-residency").file == "agreement.cedar"
    view.close()


def test_a_long_log_is_searched_from_its_end_a_stretch_at_a_time(governed: SampleWorkspace) -> None:
    view = WorkspaceView(governed.home)
    docket = Docket(view.decisions)
    docket.follow(3 * STRETCH)

    assert docket.to_scan == range(2 * STRETCH, 3 * STRETCH)
    docket.add_found(docket.filter, [2 * STRETCH, 2 * STRETCH + 5], docket.to_scan)
    docket.follow(3 * STRETCH + 2)
    assert docket.to_scan == range(3 * STRETCH, 3 * STRETCH + 2)
    docket.add_found(docket.filter, [3 * STRETCH + 1], docket.to_scan)

    assert [docket.index(at) for at in range(3)] == [3 * STRETCH + 1, 2 * STRETCH + 5, 2 * STRETCH]
    assert docket.to_scan == range(STRETCH, 2 * STRETCH)
    assert docket.position(2 * STRETCH + 5) == 1
    view.close()


def test_what_a_scan_finds_for_a_filter_that_is_gone_is_dropped(governed: SampleWorkspace) -> None:
    view = WorkspaceView(governed.home)
    docket = Docket(view.decisions)
    docket.follow(60)
    before = docket.filter
    docket.narrow("decision=deny")

    docket.add_found(before, [3], docket.to_scan)

    assert len(docket) == 0
    view.close()


@pytest.mark.parametrize(
    "text", [*FILES.values(), *BROKEN.values(), 'x"\\', "\t@\r\n//\n\n", "\x1b[2J \u202e", '"a\nb"']
)
def test_highlighting_changes_no_line_and_lets_nothing_through(text: str) -> None:
    rows = ["".join(piece.text for piece in line) for line in highlight(text)]

    assert len(rows) == text.count("\n") + 1
    assert all(row.isprintable() for row in rows)
    plain = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    assert [len(row) for row in rows] == [len(row) for row in plain]


def test_highlighting_tells_keywords_strings_and_comments_apart() -> None:
    roles = {piece.text.strip(): piece.role for piece in highlight('@id("a") permit (principal is User); // when')[0]}

    assert roles["@id"] is Role.ANNOTATION
    assert roles['"a"'] is Role.STRING
    assert roles["permit"] is Role.KEYWORD
    assert roles["User"] is Role.TYPE
    assert roles["// when"] is Role.MUTED


def test_the_line_that_holds_the_condition_is_marked_or_else_the_first(governed: SampleWorkspace) -> None:
    view = WorkspaceView(governed.home)
    place = view.policies.place(digest_of(FILES), "deny-agreement-window")

    assert place.start == place.line - 1
    assert excerpt(place, ["context.now < context.agreement.expires"], width=200, glyphs=UNICODE).marked == {11}
    assert excerpt(place, ["something else"], width=200, glyphs=UNICODE).marked == {2}
    view.close()


def test_questions_and_bundles_of_the_sample_are_what_the_stories_say() -> None:
    assert digest_of(FILES) != digest_of(STRICTER)
    assert len(QUESTIONS) == 7
