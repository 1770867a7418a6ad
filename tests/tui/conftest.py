"""Fixtures of the screens' tests: sample workspaces, and pictures to compare with."""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.sample_policies import add_policies
from tests.tui.sample_workspace import SampleWorkspace, add_transfers, event, handoff

PICTURES = Path(__file__).parent / "pictures"
SETTLED_LOOKS = 300


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "LADING_ASCII", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def empty(tmp_path: Path) -> SampleWorkspace:
    """A workspace in which nothing happened yet."""
    return SampleWorkspace(tmp_path / "acme")


@pytest.fixture(scope="session")
def _original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = SampleWorkspace(tmp_path_factory.mktemp("original") / "acme")
    workspace.pin()
    with same_salts():
        workspace.record(event(0, "workspace.created"), *(one for n in range(1, 13) for one in handoff(n)))
    add_transfers(workspace)
    return workspace.home


@pytest.fixture(scope="session")
def _governed(tmp_path_factory: pytest.TempPathFactory, _original: Path) -> Path:
    workspace = SampleWorkspace(shutil.copytree(_original, tmp_path_factory.mktemp("governed") / "acme"))
    with same_salts():
        add_policies(workspace)
    return workspace.home


@contextmanager
def same_salts() -> Iterator[None]:
    """Take salts from a counter, so that leaves have the same hashes on every run."""
    count = iter(range(1_000_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda size: hashlib.sha256(b"%d" % next(count)).digest()[:size])
        yield


@pytest.fixture
def acme(tmp_path: Path, _original: Path) -> SampleWorkspace:
    """A workspace with a log of 49 rows, its key pinned, and transfers in every kind of state."""
    return SampleWorkspace(shutil.copytree(_original, tmp_path / "acme"))


@pytest.fixture
def governed(tmp_path: Path, _governed: Path) -> SampleWorkspace:
    """The same workspace with policies, eight recorded decisions, and a proposal that waits for an approval."""
    return SampleWorkspace(shutil.copytree(_governed, tmp_path / "governed"))


def drawn(pilot: Pilot[None]) -> str:
    """The screen as SVG, without the fonts it would fetch."""
    return re.sub(r"@font-face {.*?}\s*", "", pilot.app.export_screenshot(simplify=True), flags=re.DOTALL)


def same(picture: str) -> str:
    """Return a picture without the number that Rich makes of how it was painted, not of what it shows."""
    return re.sub(r"terminal-[0-9]+", "terminal", picture)


@pytest.fixture
def same_picture(tmp_path: Path) -> Callable[[Pilot[None], str], Awaitable[None]]:
    """Compare the screen with the picture of this name; `LADING_PICTURES=draw` draws the pictures anew."""

    async def compare(pilot: Pilot[None], name: str) -> None:
        kept = PICTURES / f"{name}.svg"
        if os.environ.get("LADING_PICTURES") == "draw":
            PICTURES.mkdir(exist_ok=True)
            kept.write_text(drawn(pilot))
        # Proofs are checked in threads and a cursor blinks: the screen settles within 15 seconds of its own, however
        # long the machine stands still. What is compared is one drawing: the next could be of the blink's other half.
        picture = drawn(pilot)
        for _ in range(SETTLED_LOOKS):
            if same(picture) == same(kept.read_text()):
                break
            await pilot.pause(0.05)
            picture = drawn(pilot)
        if same(picture) != same(kept.read_text()):
            seen = tmp_path / kept.name
            seen.write_text(picture)
            kept_parts, parts = (same(each).replace("><", ">\n<").splitlines() for each in (kept.read_text(), picture))
            difference = "\n".join(unified_diff(kept_parts, parts, "kept", "seen", lineterm="", n=0))
            pytest.fail(f"the screen differs from {kept}: compare {seen}\n{difference}", pytrace=False)

    return compare
