"""The keys, on real screens over a real workspace."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from engine.audit.entry import pseudonym
from engine.workspace.log.view import Proof
from tests.tui.sample_workspace import MIB, SampleWorkspace, event
from tui.app import LadingApp
from tui.screens.audit import AuditScreen
from tui.screens.decisions import DecisionsScreen
from tui.screens.help import HelpScreen
from tui.screens.policies import PoliciesScreen
from tui.screens.story import StoryScreen
from tui.widgets.filter_line import FilterLine
from tui.widgets.pane import Pane
from tui.widgets.table import Table

SETTLED_LOOKS = 1200


@asynccontextmanager
async def screens(
    workspace: SampleWorkspace, *keys: str, size: tuple[int, int] = (80, 24), **environ: str
) -> AsyncIterator[Pilot[None]]:
    """Start the app, press some keys and let its workers finish."""
    app = LadingApp(workspace.home, workspace.clock, environ)
    async with app.run_test(size=size) as pilot:
        await press(pilot, *keys)
        yield pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


async def narrow(pilot: Pilot[None], text: str) -> None:
    """Type a filter and use it."""
    await pilot.press("slash")
    pilot.app.screen.query_one(FilterLine).value = text
    await press(pilot, "enter")


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything in view is checked and searched, and shown; give up after a minute of the screen's own."""
    await pilot.pause()
    for _ in range(SETTLED_LOOKS):
        if not busy(pilot):
            break
        await pilot.pause(0.05)
    await pilot.pause()


def busy(pilot: Pilot[None]) -> bool:
    """Say whether workers have something to do or to tell."""
    if isinstance(pilot.app.screen, StoryScreen):
        return pilot.app.screen.busy
    mode, ledger = pilot.app.screen_stack[0], pilot.app.session.ledger
    if isinstance(mode, DecisionsScreen | PoliciesScreen):
        return mode.busy
    return isinstance(mode, AuditScreen) and bool(ledger.unchecked(mode.in_question) or ledger.to_scan)


async def look(pilot: Pilot[None]) -> None:
    """Do what the timer does four times a second."""
    pilot.app.look()
    await settle(pilot)


def lines(pilot: Pilot[None]) -> list[str]:
    """Return what stands on the screen."""
    width, _ = pilot.app.size
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[:width] for strip in strips]


def shown(pilot: Pilot[None]) -> str:
    return "\n".join(lines(pilot))


def line_with(pilot: Pilot[None], text: str) -> str:
    return next((line for line in lines(pilot) if text in line), "")


def cursor(pilot: Pilot[None]) -> int:
    return pilot.app.screen.query_one(Table).cursor


async def test_an_empty_workspace_says_so_and_does_not_fail(empty: SampleWorkspace) -> None:
    async with screens(empty) as pilot:
        assert "no log yet" in lines(pilot)[0]
        assert "no transfers yet" in shown(pilot)
        await press(pilot, "5", "j", "k", "G", "enter", "escape", "y", "v", "f")
        assert "no rows" in shown(pilot)


async def test_the_first_line_names_organization_owner_and_checkpoint(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        first = lines(pilot)[0]

    for fact in ("acme.example", "owner down", "advisory", "checkpoint 49, 3s ago", "0 cosigned"):
        assert fact in first


async def test_a_transfer_that_moves_shows_its_rate_at_the_next_look(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        transfer = next(t for t in pilot.app.session.board.shown if t.name == "sentiment")
        assert "/s" not in line_with(pilot, "sentiment")

        acme.clock.advance(1)
        acme.progress(transfer.id, bytes_done=transfer.bytes_done + 100 * MIB)
        await look(pilot)

        assert "100 MiB/s" in line_with(pilot, "sentiment")
        assert "6s" in line_with(pilot, "sentiment")


async def test_a_paused_table_stands_still_and_says_so(acme: SampleWorkspace) -> None:
    async with screens(acme, "space") as pilot:
        acme.send(name="brand-new", version="1.0")
        await look(pilot)
        assert "brand-new" not in shown(pilot)
        assert "paused" in lines(pilot)[0]

        await press(pilot, "space")
        await look(pilot)

        assert "brand-new" in shown(pilot)


async def test_the_cursor_stays_on_its_transfer_when_the_order_changes(acme: SampleWorkspace) -> None:
    async with screens(acme, "j", "j") as pilot:
        before = line_with(pilot, "▌")
        acme.send(name="urgent", version="1.0", state="awaiting-approval")
        await look(pilot)

        assert cursor(pilot) == 3
        assert line_with(pilot, "▌") == before


async def test_following_transfers_keeps_the_cursor_on_the_one_that_changed_last(acme: SampleWorkspace) -> None:
    async with screens(acme, "f") as pilot:
        acme.clock.advance(5)
        oldest = next(t for t in pilot.app.session.board.shown if t.version == "5.0")
        acme.progress(oldest.id, state="sending", updated=acme.clock.now.timestamp())
        await look(pilot)

        assert "speech-small:5.0" in line_with(pilot, "▌")


@pytest.mark.parametrize(("size", "beside"), [((80, 24), False), ((160, 50), True)])
async def test_details_stand_beside_a_wide_table_and_cover_a_narrow_one(
    acme: SampleWorkspace, size: tuple[int, int], *, beside: bool
) -> None:
    async with screens(acme, "enter", size=size) as pilot:
        assert "preflight" in shown(pilot)
        assert ("ARTIFACT" in shown(pilot)) is beside

        await press(pilot, "escape")

        assert "ARTIFACT" in shown(pilot)
        assert ("preflight" in shown(pilot)) is beside


async def test_an_incoming_transfer_shows_which_chunks_are_here(acme: SampleWorkspace) -> None:
    async with screens(acme, "j", "enter") as pilot:
        assert "429 of 640 chunks" in shown(pilot)
        assert "■ here" in shown(pilot)


async def test_a_filter_narrows_the_table_and_escape_shows_everything_again(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        await narrow(pilot, "!state=completed speech")
        assert "speech-small:5.0" in shown(pilot)
        assert "speech-small:5.1" not in shown(pilot)
        assert "sentiment" not in shown(pilot)

        await press(pilot, "escape")

        assert "sentiment" in shown(pilot)


async def test_a_filter_by_an_unknown_field_names_the_fields_and_hides_nothing(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        await narrow(pilot, "colour=red")
        assert "no field 'colour'" in shown(pilot)
        assert pilot.app.screen.query_one(FilterLine).display

        await press(pilot, "escape")

        assert len(pilot.app.session.board.shown) == 8
        assert not pilot.app.screen.query_one(FilterLine).display


async def test_typing_a_filter_does_not_press_keys(acme: SampleWorkspace) -> None:
    async with screens(acme, "slash", *"q25f?v") as pilot:
        assert pilot.app.screen.query_one(FilterLine).value == "q25f?v"
        assert pilot.app.current_mode == "transfers"


async def test_copy_gives_the_transfer_as_json_and_the_leaf_as_it_was_hashed(acme: SampleWorkspace) -> None:
    async with screens(acme, "y") as pilot:
        assert json.loads(pilot.app.clipboard)["name"] == "fraud-graph"
        assert "copied" in shown(pilot)

        await press(pilot, "5", "y")

        assert json.loads(pilot.app.clipboard)["type"] == "receipt.received"


async def test_every_visible_row_of_the_log_is_proved_by_the_screen(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        rows = lines(pilot)[2:22]

        assert all(row[1] == "✔" for row in rows)
        assert "20 proved" in shown(pilot)


async def test_an_edit_behind_the_screen_turns_one_row_and_raises_the_alarm(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        acme.tamper("UPDATE event SET leaf = x'00' WHERE idx = 40")
        await look(pilot)

        marks = {int(line[4:9]): line[1] for line in lines(pilot)[2:22]}
        assert marks.pop(40) == "✘"
        assert set(marks.values()) == {"✔"}
        assert lines(pilot)[0].lstrip().startswith("✘ 1 proof BROKEN")

        await press(pilot, "2")

        assert lines(pilot)[0].lstrip().startswith("✘ 1 proof BROKEN")


async def test_a_deleted_row_leaves_a_broken_gap(acme: SampleWorkspace) -> None:
    acme.tamper("DELETE FROM event WHERE idx = 40")
    async with screens(acme, "5") as pilot:
        assert line_with(pilot, "missing row").lstrip().startswith("✘")


async def test_a_checkpoint_that_does_not_verify_is_the_first_thing_to_read(acme: SampleWorkspace) -> None:
    (acme.home / "trust" / "own" / "trust.json").unlink()
    async with screens(acme, "5") as pilot:
        assert lines(pilot)[0].lstrip().startswith("✘ checkpoint BROKEN")
        assert {line[1] for line in lines(pilot)[2:22]} == {"✘"}


async def test_a_row_that_nobody_checked_never_looks_good(
    acme: SampleWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workspace.log.view.LogView.check", lambda _view, _rows: [])
    async with screens(acme, "5") as pilot:
        assert {line[1] for line in lines(pilot)[2:22]} == {"·"}
        assert "20 unchecked" in shown(pilot)


async def test_verify_checks_the_visible_rows_again(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        ledger = pilot.app.session.ledger
        pilot.app.screen.action_verify()
        assert all(ledger.proof(ledger.row(at)) is None for at in range(29, 49))

        await settle(pilot)

        assert {ledger.proof(ledger.row(at)).proof for at in range(29, 49)} == {Proof.PROVED}


async def test_rows_that_scroll_into_view_are_checked(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "home") as pilot:
        assert {line[1] for line in lines(pilot)[2:22]} == {"✔"}
        assert cursor(pilot) == 0

        await press(pilot, "ctrl+d", "k", "ctrl+u", "G")

        assert cursor(pilot) == 48


async def test_the_log_is_followed_until_the_cursor_leaves_its_end(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        acme.record(event(999, "gateway.started"))
        await look(pilot)
        assert cursor(pilot) == 49
        assert "gateway.started" in line_with(pilot, "▌")

        await press(pilot, "k")
        acme.record(event(1000, "gateway.stopped"))
        await look(pilot)

        assert cursor(pilot) == 48
        assert "following" not in shown(pilot)


@pytest.mark.parametrize("mode", ["3", "5"])
async def test_a_look_right_after_a_key_does_not_take_the_cursor_back_to_the_news(
    acme: SampleWorkspace, mode: str
) -> None:
    async with screens(acme, mode) as pilot:
        table = pilot.app.screen.table
        news = table.cursor
        table.action_move(1 if mode == "3" else -1)
        pilot.app.look()  # before anybody was told of the key

        await settle(pilot)

        assert abs(cursor(pilot) - news) == 1
        assert "following" not in shown(pilot)


async def test_a_search_finds_rows_by_field_and_by_name_and_keeps_on_finding(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await narrow(pilot, f"decision:deny actor:{pseudonym(b'p' * 32, 'bea@acme.example')}")
        await look(pilot)
        assert "3 rows of 49" in shown(pilot)

        acme.record(event(999, "decision.deny", "bea@acme.example", decision="deny"))
        await look(pilot)

        assert "4 rows of 50" in shown(pilot)
        await press(pilot, "escape")
        assert "50 rows" in shown(pilot)


async def test_the_detail_of_a_row_has_leaf_payload_and_path(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "enter", size=(160, 50)) as pilot:
        for part in (
            "in 2 steps up to checkpoint 49",
            '"commitment"',
            "spiffe://acme.example/gateway",
            "inclusion path",
        ):
            assert part in shown(pilot)


async def test_the_detail_of_a_broken_row_says_why(acme: SampleWorkspace) -> None:
    acme.tamper("UPDATE event SET partner = 'mallory.example' WHERE idx = 48")
    async with screens(acme, "5", "enter") as pilot:
        assert "not what the leaf says: partner" in shown(pilot)


async def test_a_database_that_cannot_be_read_is_an_alarm(acme: SampleWorkspace) -> None:
    (acme.home / "state" / "gateway.db").write_bytes(b"nonsense" * 1000)
    async with screens(acme) as pilot:
        assert "transfers cannot be read" in lines(pilot)[0]


async def test_a_look_that_comes_while_the_app_closes_does_no_harm(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        app = pilot.app

    app.look()

    app.session.close()


async def test_help_opens_over_a_mode_and_closes_again(acme: SampleWorkspace) -> None:
    async with screens(acme, "question_mark") as pilot:
        assert isinstance(pilot.app.screen, HelpScreen)
        assert "key=value" in shown(pilot)
        await press(pilot, "5")
        assert pilot.app.current_mode == "transfers"

        await press(pilot, "q")

        assert not isinstance(pilot.app.screen, HelpScreen)
        assert pilot.app.is_running


@pytest.mark.parametrize(("variable", "size"), [("NO_COLOR", (80, 24)), ("LADING_ASCII", (160, 50))])
async def test_without_colour_every_screen_is_ascii(
    acme: SampleWorkspace, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    acme.tamper("UPDATE event SET leaf = x'00' WHERE idx = 40")
    async with screens(acme, size=size, **{variable: "1"}) as pilot:
        for keys in (("enter",), ("escape", "5"), ("enter",), ("escape", "question_mark")):
            await press(pilot, *keys)
            assert shown(pilot).isascii()


async def test_the_mouse_moves_the_cursor(acme: SampleWorkspace) -> None:
    async with screens(acme) as pilot:
        await pilot.click(Table, offset=(10, 4))
        assert cursor(pilot) == 3


async def test_a_terminal_that_shrinks_keeps_the_cursor_in_view(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", size=(160, 50)) as pilot:
        await pilot.resize_terminal(60, 12)
        await settle(pilot)

        assert "▌" in shown(pilot)
        assert not pilot.app.screen.query_one(Pane).display
