"""Mode 5: the filter language with completion, jumps, and exports that are evidence."""

import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from engine.audit.export.check import check_export
from engine.audit.note import NoteSigner
from engine.cli import lading
from tests.tui.sample_workspace import KEY, ORIGIN, SampleWorkspace, event
from tests.tui.test_screens import cursor, line_with, look, narrow, press, screens, settle, shown


def told(pilot: Pilot[None]) -> str:
    """Return what the note says, however it was wrapped."""
    note = pilot.app.screen._note
    return note.text if note else ""


async def typed(pilot: Pilot[None], text: str) -> None:
    """Open the filter and type, key by key."""
    await pilot.press("slash", *text)
    await settle(pilot)


async def test_fields_and_values_are_offered_and_completed(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await typed(pilot, "de")
        assert "decision:" in shown(pilot)
        await press(pilot, "tab")
        assert "deny  failsafe  permit" in shown(pilot)
        await press(pilot, "d", "tab")
        assert line_with(pilot, "decision:deny")

        await press(pilot, "enter")
        await look(pilot)

        assert "3 rows of 49 by /decision:deny" in shown(pilot)


async def test_tab_goes_round_the_candidates_and_back_to_what_was_typed(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await typed(pilot, "decision:")
        seen = []
        for _ in range(4):
            await press(pilot, "tab")
            seen.append(pilot.app.screen._filter_line.value)

    assert seen == ["decision:deny", "decision:failsafe", "decision:permit", "decision:"]


async def test_a_filter_that_cannot_be_read_says_where_and_hides_nothing(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", size=(160, 50)) as pilot:
        await narrow(pilot, "typ:x")

        assert "character 1: found the unknown field 'typ'" in shown(pilot)
        assert "did you mean 'type'?" in shown(pilot)
        await press(pilot, "escape")
        assert "49 rows" in shown(pilot)


async def test_words_are_found_in_payloads_and_later_rows_join_them(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await narrow(pilot, '"fraud screening" partner:cygnus.example')
        await look(pilot)
        assert "3 rows of 49" in shown(pilot)

        acme.record(event(999, "transfer.offered", partner="cygnus.example", payload={"purpose": "Fraud-Screening"}))
        await look(pilot)

        assert "4 rows of 50" in shown(pilot)


async def test_a_row_whose_columns_lie_is_shown_by_a_filter_as_broken(acme: SampleWorkspace) -> None:
    acme.tamper("UPDATE event SET partner = 'mallory.example' WHERE idx = 40")
    async with screens(acme, "5") as pilot:
        await narrow(pilot, "partner:mallory.example")
        await look(pilot)

        assert "1 row of 49" in shown(pilot)
        assert "BROKEN" in shown(pilot)


@pytest.mark.parametrize(
    ("place", "row"), [("7", 7), ("1,000,000", 48), ("2026-06-01", 0), ("2026-06-02", 48), ("1h", 48)]
)
async def test_g_goes_to_an_entry_or_to_a_time(acme: SampleWorkspace, place: str, row: int) -> None:
    async with screens(acme, "5", "g") as pilot:
        await press(pilot, *(("comma" if each == "," else "minus" if each == "-" else each) for each in place), "enter")

        assert cursor(pilot) == row
        assert "following" not in shown(pilot)


@pytest.mark.parametrize("place", ["49", "1,000,000", "2026-06-02"])
async def test_g_beyond_the_end_goes_to_the_last_entry_and_says_so(acme: SampleWorkspace, place: str) -> None:
    async with screens(acme, "5", "k", "g") as pilot:
        pilot.app.screen._jump_line.value = place
        await press(pilot, "enter")

        assert cursor(pilot) == 48
        assert "the log ends at entry 48" in shown(pilot)
        await press(pilot, "g", "4", "8", "enter")
        assert "the log ends" not in shown(pilot)


async def test_g_in_an_empty_log_says_that_it_is(empty: SampleWorkspace) -> None:
    async with screens(empty, "5", "g", "7", "enter") as pilot:
        assert "the log has no entry yet" in shown(pilot)


async def test_following_goes_on_within_a_filter_and_after_it(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await narrow(pilot, "decision:deny")
        await look(pilot)
        assert "following" in shown(pilot)
        assert cursor(pilot) == 2

        acme.record(event(999, "decision.deny", decision="deny"), event(1000, "gateway.started"))
        await look(pilot)
        assert "decision.deny" in line_with(pilot, "▌")
        assert cursor(pilot) == 3

        await press(pilot, "escape")
        assert "following" in shown(pilot)
        assert cursor(pilot) == 50


async def test_a_filter_that_nothing_meets_yet_waits_for_the_first_match(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await narrow(pilot, "type:gateway.started")
        await look(pilot)
        assert "following" in shown(pilot)

        acme.record(event(999, "gateway.started"), event(1000, "gateway.started"))
        await look(pilot)
        assert "following" in shown(pilot)
        assert cursor(pilot) == 1


async def test_who_does_not_follow_is_not_made_to_by_a_filter(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "k") as pilot:
        await narrow(pilot, "decision:deny")
        await look(pilot)

        assert "following" not in shown(pilot)


async def test_what_was_said_stays_while_the_log_that_is_followed_grows(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "y") as pilot:
        acme.record(event(999, "gateway.started"))
        await look(pilot)

        assert (cursor(pilot), "copied" in shown(pilot)) == (49, True)


async def test_g_goes_to_the_next_row_that_the_filter_shows(acme: SampleWorkspace) -> None:
    async with screens(acme, "5") as pilot:
        await narrow(pilot, "decision:deny")
        await look(pilot)
        await press(pilot, "g", "2", "0", "enter")

        assert re.search(r"▌.*decision\.deny", line_with(pilot, "▌"))
        assert cursor(pilot) == 1


async def test_a_place_that_is_none_is_refused(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "g", "x", "enter", size=(160, 50)) as pilot:
        assert "found 'x', expected an entry (120) or a day" in shown(pilot)
        await press(pilot, "escape")
        assert cursor(pilot) == 48


async def test_what_is_shown_is_exported_with_proofs_that_the_key_alone_verifies(
    acme: SampleWorkspace, tmp_path: Path
) -> None:
    file = tmp_path / "evidence.csv"
    async with screens(acme, "5", size=(160, 50)) as pilot:
        await narrow(pilot, "decision:deny")
        await pilot.press("e")
        pilot.app.screen._file_line.value = str(file)
        await press(pilot, "enter")
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)
        assert "3 rows with proofs; check them: lading audit check-export" in shown(pilot)
        command = told(pilot).partition("check them: ")[2]

        await pilot.press("e")
        pilot.app.screen._file_line.value = str(file)
        await press(pilot, "enter")
        assert "name a file that is not there yet" in shown(pilot)

    checked = check_export(file, [NoteSigner(ORIGIN, KEY).key])
    assert (checked.format, checked.entries, checked.sizes) == ("csv", 3, (49,))
    result = CliRunner().invoke(lading, shlex.split(command)[1:])
    assert (result.exit_code, "3 entries (11 to 43) are proved" in result.output) == (0, True), result.output


async def test_the_offered_name_of_an_export_is_replaced_by_what_is_typed(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "e") as pilot:
        line = pilot.app.screen._file_line
        assert (line.value, line.selected_text) == ("audit-49.jsonl", "audit-49.jsonl")
        await press(pilot, *"my")
        assert line.value == "my"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/such/evidence.csv", "the folder {}/no/such is not there  Make it first."),
        (".", "{} is a folder  Name a file."),
        ("link", "{}/link is a link or a device  Name a file."),
    ],
)
async def test_an_export_to_where_no_file_can_be_is_refused_before_it_begins(
    acme: SampleWorkspace, tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    async with screens(acme, "5", "e", size=(240, 50)) as pilot:
        pilot.app.screen._file_line.value = str(tmp_path / name)
        await press(pilot, "enter")

        assert why.format(tmp_path) in told(pilot)
        assert pilot.app.screen._file_line.display
    assert not (tmp_path / "no").exists()


async def test_an_export_that_the_system_refuses_says_what_to_look_at(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "e", size=(160, 50)) as pilot:
        pilot.app.screen._file_line.value = "/proc/evidence.csv"
        await press(pilot, "enter")
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)

        assert "nothing was exported: the system refused: " in told(pilot)
        assert "(/proc/evidence.csv)  Check the path, its permissions" in told(pilot)


async def test_an_export_of_a_broken_row_is_refused(acme: SampleWorkspace, tmp_path: Path) -> None:
    acme.tamper("UPDATE event SET partner = 'mallory.example' WHERE idx = 40")
    async with screens(acme, "5", "e", size=(160, 50)) as pilot:
        pilot.app.screen._file_line.value = str(tmp_path / "evidence.jsonl")
        await press(pilot, "enter")
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)

        assert "nothing was exported" in shown(pilot)
    assert not (tmp_path / "evidence.jsonl").exists()


async def test_the_detail_names_the_checkpoint_that_proves_it_and_its_age(acme: SampleWorkspace) -> None:
    async with screens(acme, "5", "enter") as pilot:
        assert "up to checkpoint 49, 3s ago" in shown(pilot)


async def test_prompts_look_as_they_did(
    acme: SampleWorkspace, same_picture: Callable[[Pilot[None], str], Awaitable[None]]
) -> None:
    async with screens(acme, "5") as pilot:
        await typed(pilot, "type:")
        await same_picture(pilot, "audit-filter-80x24")
        await press(pilot, "escape", "g")
        await same_picture(pilot, "audit-jump-80x24")


async def test_a_filtered_log_looks_as_it_did(
    acme: SampleWorkspace, same_picture: Callable[[Pilot[None], str], Awaitable[None]]
) -> None:
    async with screens(acme, "5", size=(160, 50)) as pilot:
        await narrow(pilot, "type:transfer.* partner:cygnus.example")
        await look(pilot)
        await same_picture(pilot, "audit-filtered-160x50")
