"""Fixtures of the screens' tests: sample workspaces, and pictures to compare with."""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.sample_workspace import SampleWorkspace, add_transfers, event, handoff
from tui.app import LadingApp

PICTURES = Path(__file__).parent / "pictures"


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
    with pytest.MonkeyPatch.context() as patch:
        # Salts from a counter: leaves have the same hashes on every run.
        count = iter(range(1_000_000))
        patch.setattr(secrets, "token_bytes", lambda size: hashlib.sha256(b"%d" % next(count)).digest()[:size])
        workspace.record(event(0, "workspace.created"), *(one for n in range(1, 13) for one in handoff(n)))
    add_transfers(workspace)
    return workspace.home


@pytest.fixture
def acme(tmp_path: Path, _original: Path) -> SampleWorkspace:
    """A workspace with a log of 49 rows, its key pinned, and transfers in every kind of state."""
    return SampleWorkspace(shutil.copytree(_original, tmp_path / "acme"))


@pytest.fixture
def same_picture(tmp_path: Path) -> Callable[[LadingApp, str], None]:
    """Compare the screen with the picture of this name; `LADING_PICTURES=draw` draws the pictures anew."""

    def compare(app: LadingApp, name: str) -> None:
        drawn = re.sub(r"@font-face {.*?}\s*", "", app.export_screenshot(simplify=True), flags=re.DOTALL)
        kept = PICTURES / f"{name}.svg"
        if os.environ.get("LADING_PICTURES") == "draw":
            PICTURES.mkdir(exist_ok=True)
            kept.write_text(drawn)
        seen = tmp_path / kept.name
        seen.write_text(drawn)
        assert drawn == kept.read_text(), f"the screen differs from {kept}: compare {seen}"

    return compare
