"""`lading demo`, as a new user runs it: two real organizations, a killed receiver, three attempts to cheat."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.demo.model import make_model

STEPS = [
    "model",
    "two organizations",
    "partners",
    "agreement",
    "pack and sign",
    "handoff",
    "  transfer",
    "  arrival and verdict",
    "logs",
    "bill of lading",
    "bill, pinned trust only",
    "cheat: after the end",
    "cheat: one byte",
    "cheat: one log row",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 48 MiB: enough chunks to kill the receiver in the middle."""
    return make_model(tmp_path_factory.mktemp("demo") / "model").folder


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine.cli", "demo", *arguments]


@pytest.mark.slow
def test_the_whole_story_goes_as_it_must(model: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    done = subprocess.run(demo("--json", "--keep", str(kept), "--model", str(model)), capture_output=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    by_name = {step["name"]: step for step in told["steps"]}
    assert told["ok"]
    assert [step["name"] for step in told["steps"] if not step["ok"]] == []
    assert [name for name in STEPS if name not in by_name] == []
    assert "killed (SIGKILL, all processes)" in by_name["  transfer"]["detail"]
    assert "deny-agreement-window" in by_name["cheat: after the end"]["detail"]
    assert Path(told["bill"]).is_file()
    assert len(told["artifact"]) == 64
    assert Path(told["workspaces"]["borealis.example"]) == kept / "borealis.example"
    assert leftovers(kept) == []


def test_a_folder_that_holds_something_is_not_played_in(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    done = subprocess.run(demo("--keep", str(tmp_path)), capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_stay_leaves_a_transfer_that_waits_for_an_approval_and_ends_cleanly(model: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with (tmp_path / "said").open("wb") as said:
        running = subprocess.Popen(
            demo("--stay", "--keep", str(kept), "--model", str(model)), stdout=said, stderr=said, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 90
        while "approval grant" not in (tmp_path / "said").read_text() and time.monotonic() < deadline:
            assert running.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.1)
        listed = subprocess.run(
            [
                sys.executable,
                "-m",
                "engine.cli",
                "-C",
                str(kept / "acme.example"),
                "--as",
                "abe",
                "approval",
                "list",
                "--json",
            ],
            capture_output=True,
            check=True,
        )
        assert [each["state"] for each in json.loads(listed.stdout)["transfers"]] == ["awaiting-approval"]
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
    assert running.returncode == 0
    assert leftovers(kept) == []


def leftovers(folder: Path) -> list[str]:
    """The command lines of processes that still work on a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line and str(os.getpid()) != process.parent.name:
            found.append(line)
    return found
