"""The documentation says what the code does: commands, settings, event types, formats."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engine.cli import lading
from engine.workspace.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVENTS = ROOT / "docs" / "formats" / "events.md"
FORMATS = sorted(path.name for path in (ROOT / "docs" / "formats").glob("*.md"))
FORMAT = re.compile(r"docs/formats/[a-z]+\.md")
TYPE = re.compile(r'"((?!resource\.)[a-z]+\.[a-z]+ed)"')  # resource.signed is a path in policies, not an event
DECISIONS = {"decision.permit", "decision.deny", "decision.failsafe", "decision.shadow"}
STATES = {"witness.stale", "witness.conflict", "validation.inconclusive"}


def verbs(command: click.Command = lading, path: str = "lading") -> Iterator[str]:
    """Every command with its groups, such as `lading audit verify`."""
    if not isinstance(command, click.Group):
        yield path
        return
    for name, each in command.commands.items():
        yield from verbs(each, f"{path} {name}")


def sources() -> Iterator[str]:
    for path in ROOT.glob("engine/**/*.py"):
        yield path.read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_a_person_can_read_about_every_command(verb: str) -> None:
    read = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    words = verb.split()[1:]
    # Between `lading` and the verb a page may name the workspace and who acts.
    said = re.compile(r"lading( -C \S+)?( --as \S+)? " + " ".join(words) + r"\b")

    assert said.search(read), f"no page shows '{verb}'"


def test_every_setting_is_explained() -> None:
    page = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
    fields = {
        f"{section}.{field}"
        for section, info in Settings.model_fields.items()
        for field in (("NAME",) if section == "zones" else info.annotation.model_fields)
    }

    assert (
        set(
            re.findall(r"^\| `((?:" + "|".join(Settings.model_fields) + r")\.(?:[a-z_]+|NAME))` \|", page, re.MULTILINE)
        )
        == fields
    )


def test_the_events_page_lists_exactly_what_is_recorded() -> None:
    page = EVENTS.read_text(encoding="utf-8").partition("\n## Payloads\n")[0]
    listed = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", page, re.MULTILINE)
    recorded = {each for source in sources() for each in TYPE.findall(source)}

    assert sorted(listed) == sorted(recorded | DECISIONS | STATES)


def test_every_format_the_code_points_to_has_a_page_and_stands_in_the_index() -> None:
    pointed = {Path(each).name for source in sources() for each in FORMAT.findall(source)}
    index = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")

    assert sorted(pointed - set(FORMATS)) == []
    assert [name for name in FORMATS if f"(formats/{name})" not in index] == []
