"""Every command that a page names exists, also where no test can run it."""

import re
from pathlib import Path

import click
import pytest

from engine.cli import lading

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"(?:`|\$ )lading ([^`\n]+)")
"""A command between backticks or after a prompt; what stands in a block for a shell is run (`tests/test_readme.py`)."""

OPTION = re.compile(r"(?:^|(?<= ))(?:(?:-C|--as) \S+|--?[a-z][a-z-]*)(?: |$)")


def paths(text: str) -> list[list[str]]:
    """Return the words of a command without options; one list for each alternative, `policy propose | approve`."""
    first, *others = OPTION.sub("", text).split(" | ")
    words = first.split()
    return [words, *([*words[:-1], *other.split()] for other in others)]


def unknown(words: list[str]) -> str | None:
    """Return the first word that names no command where one has to stand; None if all do."""
    command: click.Command = lading
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]+", word):
            return None
        if word not in command.commands:
            return word
        command = command.commands[word]
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = [path for text in NAMED.findall(page.read_text(encoding="utf-8")) for path in paths(text)]

    assert [(" ".join(path), word) for path in named if (word := unknown(path)) is not None] == []
