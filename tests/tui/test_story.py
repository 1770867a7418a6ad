"""The custody story on the screen: asked of the engine, told with a sign and a word for each proof."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.custody.story import Decided, Handoff, Happened, Proof, Said, Story
from engine.events import system_clock
from engine.transfer.outgoing import Outgoing
from engine.workspace.creation import create
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from tests.tui.sample_workspace import SampleWorkspace
from tests.tui.test_screens import press, screens, shown
from tests.unit.workspace.conftest import ask, model
from tui.app import LadingApp
from tui.screens.story import StoryScreen
from tui.state.glyphs import ASCII, UNICODE
from tui.state.line import Role, cells
from tui.state.story_lines import told

TOLD_SECONDS = 60.0
TIME = "2026-06-01T12:00:00.000Z"
RECEIPT = Said(
    name="receipt",
    organization="borealis.example",
    signer="spiffe://borealis.example/gateway",
    time=TIME,
    statement="5" * 64,
    proof=Proof.VERIFIED,
)
LINK = Said(
    name="link",
    organization="borealis.example",
    proof=Proof.UNVERIFIED,
    why="no trust of borealis.example is pinned",
)
WITHHELD = Said(name="decisions", organization="borealis.example", proof=Proof.WITHHELD, why="its parties' own")
EARLIER = Handoff(
    part="earlier",
    transfer="tr-1",
    sender="acme.example",
    receiver="borealis.example",
    agreement="a" * 64,
    purpose="evaluation",
    licence="MIT",
    state="released",
    sealed_to="0" * 32,
    statements=(RECEIPT, LINK, WITHHELD),
)
DECISIONS = (
    Decided(index=7, time=TIME, decision="permit", action="receive", because=("receive-onward",)),
    Decided(index=8, time=TIME, decision="deny", action=None, because=None),
)
HAPPENED = (
    Happened(index=9, time=TIME, type="artifact.viewed", actor="cy@cirrus.example", details={}, erased=False),
    Happened(index=10, time=TIME, type="artifact.copied", actor="f" * 64, details={}, erased=True),
)
STORY = Story(
    artifact="sentiment:3.1",
    root="d" * 64,
    origin="acme.example",
    licence="MIT",
    state="released",
    held={"store": "/somewhere", "agreement": "b" * 64},
    signatures=(replace(RECEIPT, name="model", organization="acme.example", signer="ada@acme.example"),),
    handoffs=(EARLIER, replace(EARLIER, part="received", transfer="tr-2", decisions=DECISIONS)),
    attestations=(),
    happened=HAPPENED,
    problems=("the chain of custody does not hold",),
)


def words(story: Story, width: int = 160) -> list[str]:
    return ["".join(piece.text for piece in line) for line in told(story.to_json(), width=width, glyphs=UNICODE)]


def test_each_proof_has_a_sign_a_word_and_a_colour() -> None:
    marked = {line[1].text: line[1].role for line in told(STORY.to_json(), width=160, glyphs=UNICODE) if len(line) == 3}

    assert marked["✔ receipt"] is Role.GOOD
    assert marked["✘ link unverified"] is Role.BAD
    assert marked["· decisions withheld"] is Role.ATTENTION
    assert marked["✔ permit receive"] is Role.GOOD
    assert marked["✘ deny"] is Role.BAD


def test_it_tells_parties_reasons_and_what_was_erased() -> None:
    text = "\n".join(words(STORY))

    for part in (
        "handoff 1: acme.example → borealis.example, released",
        "tr-1, as its chain of custody tells",
        "tr-2, received here",
        "spiffe://borealis.example/gateway, 2026-06-01 12:00:00Z",
        "borealis.example: no trust of borealis.example is pinned",
        "receive-onward, 2026-06-01 12:00:00Z, entry 7",
        "its reasons were erased",
        "by cy@cirrus.example",
        f"by pseudonym {'f' * 16}, the rest was erased",
        "whose key is destroyed",
        "✘ the chain of custody does not hold",
    ):
        assert part in text
    assert "later attestations" not in text


@pytest.mark.parametrize("width", [30, 71, 76, 110])
def test_no_line_is_wider_than_the_box_or_steers_the_terminal(width: int) -> None:
    hostile = "evil\x1b[2J\u202e" + "模型" * 60
    story = replace(STORY, artifact="x", licence=hostile, problems=(hostile,), origin=hostile)

    for line in told(story.to_json(), width=width, glyphs=ASCII):
        text = "".join(piece.text for piece in line)
        assert text.isprintable()
        assert cells(text) <= width


@asynccontextmanager
async def telling(home: Path, who: str, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """Open the story of the only transfer's artifact as somebody, and wait until it is told."""
    app = LadingApp(home, system_clock, {}, who)
    async with app.run_test(size=size) as pilot:
        await pilot.press("c")
        async with asyncio.timeout(TOLD_SECONDS):
            while pilot.app.screen.busy:
                await pilot.pause(0.05)
        await pilot.pause()
        yield pilot


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one artifact, and a transfer of it that policy denied."""
    home = tmp_path_factory.mktemp("made") / "acme"
    create(home, org="acme.example", name="Acme", region="EU", admin="ada")
    with Office(Layout(home)) as office:
        folder = model(home.parent / "model")
        root = ask(office, "artifact.pack", path=str(folder), name="tiny", version="1", licence="MIT")["root"]
        office.outgoing.add(denied(root))
    return home


def denied(root: str) -> Outgoing:
    now = system_clock().timestamp()
    values: dict[str, Any] = {
        "id": "tr-" + "1" * 24,
        "name": "tiny",
        "version": "1",
        "artifact": root,
        "partner": "borealis.example",
        "agreement": "a" * 64,
        "purpose": "evaluation",
        "impact": "",
        "actor": "ada@acme.example",
        "state": "denied",
        "step": "decide",
        "detail": "",
        "started": now,
        "updated": now,
    }
    zero = dict.fromkeys(("chunks_total", "chunks_done", "chunks_sent", "bytes_total", "bytes_done"), 0)
    return Outgoing(**values | zero)


async def test_the_owner_tells_the_story_with_every_signature_verified(made: Path) -> None:
    async with telling(made, "ada", (160, 50)) as pilot:
        assert isinstance(pilot.app.screen, StoryScreen)
        for part in (
            "tiny:1",
            "✔ model  ada@acme.example",
            "✔ manifest  ada@acme.example",
            "handoff 1: acme.example → borealis.example, denied",
            "sent from here",
            "signed  by ada@acme.example",
        ):
            assert part in shown(pilot)

        await press(pilot, "y", "escape")

        assert '"name": "model"' in pilot.app.clipboard
        assert not isinstance(pilot.app.screen, StoryScreen)


async def test_a_signature_that_was_changed_is_told_as_unverified(made: Path) -> None:
    [bundle] = (made / "attestations").glob("*/model*")
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b"A", b"B", 1))
    try:
        async with telling(made, "ada", (160, 50)) as pilot:
            assert "✘ model unverified  acme.example: " in shown(pilot)
            assert "✔ manifest" in shown(pilot)
    finally:
        bundle.write_bytes(whole)


async def test_who_may_not_see_the_artifact_reads_why(made: Path) -> None:
    async with telling(made, "mallory") as pilot:
        assert "tiny:1" in shown(pilot)
        assert "denied by dangling-reference  Add what is missing to directory.yaml" in shown(pilot)
        assert "✔ model" not in shown(pilot)


async def test_nobody_is_told_anything_without_a_name(acme: SampleWorkspace) -> None:
    async with screens(acme, "c") as pilot:
        assert not isinstance(pilot.app.screen, StoryScreen)
        assert "lading --as NAME tui" in shown(pilot)


async def test_without_a_transfer_there_is_nothing_to_tell(empty: SampleWorkspace) -> None:
    async with screens(empty, "c") as pilot:
        assert not isinstance(pilot.app.screen, StoryScreen)
