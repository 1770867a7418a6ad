"""What the screens look like, compared with pictures that somebody looked at."""

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from tests.tui.sample_workspace import SampleWorkspace
from tests.tui.test_screens import press
from tui.app import LadingApp

PICTURES = [
    ("transfers-80x24", (80, 24), "", ("j", "j")),
    ("transfers-160x50", (160, 50), "", ("j",)),
    ("transfer-detail-80x24", (80, 24), "", ("j", "enter")),
    ("audit-80x24", (80, 24), "", ("5",)),
    ("audit-160x50", (160, 50), "", ("5", *"kkkkkkkk")),
    ("audit-detail-80x24", (80, 24), "", ("5", "k", "enter")),
    ("help-80x24", (80, 24), "", ("question_mark",)),
    ("transfers-no-color-80x24", (80, 24), "NO_COLOR", ("j", "enter")),
    ("audit-no-color-80x24", (80, 24), "NO_COLOR", ("5",)),
]
POLICY_PICTURES = [
    ("decisions-80x24", (80, 24), "", ("3", "j")),
    ("decisions-160x50", (160, 50), "", ("3", "j")),
    ("decision-detail-80x24", (80, 24), "", ("3", "j", "enter")),
    ("decisions-no-color-80x24", (80, 24), "NO_COLOR", ("3",)),
    ("policies-80x24", (80, 24), "", ("4",)),
    ("policies-160x50", (160, 50), "", ("4",)),
    ("policy-report-80x24", (80, 24), "", ("4", "enter")),
    ("policy-file-80x24", (80, 24), "", ("4", *"jjj", "enter")),
    ("policy-file-160x50", (160, 50), "", ("4", *"jjjj")),
    ("policy-approve-80x24", (80, 24), "", ("4", "a", *"reviewed", "enter")),
    ("policies-no-color-80x24", (80, 24), "NO_COLOR", ("4", "j", "enter")),
    ("policies-no-color-160x50", (160, 50), "NO_COLOR", ("4",)),
    ("decisions-no-color-160x50", (160, 50), "NO_COLOR", ("3", *"jjjj")),
]


@pytest.mark.parametrize(("name", "size", "variable", "keys"), PICTURES, ids=[row[0] for row in PICTURES])
async def test_screen_looks_as_it_did(
    acme: SampleWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    same_picture: Callable[[Pilot[None], str], Awaitable[None]],
    name: str,
    size: tuple[int, int],
    variable: str,
    keys: tuple[str, ...],
) -> None:
    acme.pin_witness()
    acme.cosign()
    acme.tamper("UPDATE event SET partner = 'mallory.example' WHERE idx = 40")
    await compared(acme, monkeypatch, same_picture, name, size, variable, keys)


@pytest.mark.parametrize(("name", "size", "variable", "keys"), POLICY_PICTURES, ids=[row[0] for row in POLICY_PICTURES])
async def test_policy_screen_looks_as_it_did(
    governed: SampleWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    same_picture: Callable[[Pilot[None], str], Awaitable[None]],
    name: str,
    size: tuple[int, int],
    variable: str,
    keys: tuple[str, ...],
) -> None:
    await compared(governed, monkeypatch, same_picture, name, size, variable, keys)


async def compared(
    workspace: SampleWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    same_picture: Callable[[Pilot[None], str], Awaitable[None]],
    name: str,
    size: tuple[int, int],
    variable: str,
    keys: tuple[str, ...],
) -> None:
    """Press keys on a screen of this size, and compare what it looks like then."""
    environ = {variable: "1"} if variable else {}
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    app = LadingApp(workspace.home, workspace.clock, environ, "bea")
    async with app.run_test(size=size) as pilot:
        for key in keys:  # one by one: what was in view when a key came must have been checked
            await press(pilot, key)
        app.look()
        await press(pilot)
        await same_picture(pilot, name)
