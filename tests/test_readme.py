"""Every command of the README runs, in order, as a new user would type it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text printed\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""What a command above it prints, to the letter."""

LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if BLOCK.search(path.read_text(encoding="utf-8")))
SECONDS = 110
LONGER = {"custody.md": 220}
"""Three organizations, each with a gateway and two partners, are forty commands."""


def commands(page: Path) -> str:
    return "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))


@pytest.mark.timeout(max(SECONDS, *LONGER.values()) + 10)
@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_command_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    for folder in ("samples", "policies", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    script = tmp_path / "page.sh"
    script.write_text(f"set -euo pipefail\n{commands(page)}\n", encoding="utf-8")
    environment = dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    there = {"said", *(each.name for each in tmp_path.iterdir())}
    with (tmp_path / "said").open("wb") as output:
        shell = subprocess.Popen(
            ["/bin/bash", "-x", str(script)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = shell.wait(LONGER.get(page.name, SECONDS))
        finally:
            end_group(shell.pid)

    said = (tmp_path / "said").read_text(encoding="utf-8", errors="replace")
    assert code == 0, said[-4000:]
    assert [block for block in PRINTED.findall(page.read_text(encoding="utf-8")) if block not in said] == []
    if page.name == "README.md":
        left = {each.name for each in tmp_path.iterdir()} - there
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
        assert [name for name in left if f"{name}/" not in ignored] == []


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def end_group(group: int) -> None:
    """End what a page started in the background, gateways first of all."""
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return
