"""Mode 5: the filter language with completion, jumps, and exports that are evidence."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.audit.export.check import check_export
from engine.audit.note import NoteSigner
from tests.tui.sample_workspace import KEY, ORIGIN, SampleWorkspace, event
from tests.tui.test_screens import cursor, line_with, look, narrow, press, screens, settle, shown


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

        assert "1 rows of 49" in shown(pilot)
        assert "BROKEN" in shown(pilot)


@pytest.mark.parametrize(
    ("place", "row"), [("7", 7), ("1,000,000", 48), ("2026-06-01", 0), ("2026-06-02", 48), ("1h", 48)]
)
async def test_g_goes_to_an_entry_or_to_a_time(acme: SampleWorkspace, place: str, row: int) -> None:
    async with screens(acme, "5", "g") as pilot:
        await press(pilot, *(("comma" if each == "," else "minus" if each == "-" else each) for each in place), "enter")

        assert cursor(pilot) == row
        assert "following" not in shown(pilot)


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
        assert "3 rows with proofs in" in shown(pilot)

        await pilot.press("e")
        pilot.app.screen._file_line.value = str(file)
        await press(pilot, "enter")
        assert "name a file that is not there yet" in shown(pilot)

    checked = check_export(file, [NoteSigner(ORIGIN, KEY).key])
    assert (checked.format, checked.entries, checked.sizes) == ("csv", 3, (49,))


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
