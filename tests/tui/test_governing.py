"""The keys of the policies' screen that have something done: each asks first, and says how it came out."""

import shutil
from pathlib import Path

import pytest

from engine.workspace.creation import create
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.views import WorkspaceView
from tests.tui.sample_policies import FILES, REPORT, STRICTER, PolicyDesk, digest_of
from tests.tui.sample_workspace import SampleWorkspace
from tests.tui.test_policies import PROPOSED, governing
from tests.tui.test_screens import line_with, lines, press, settle, shown
from tests.unit.workspace.conftest import ask, hire
from tui.screens.ask import AskScreen
from tui.state.outcome import denial


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object], str]]:
    """Take the place of the workspace's owner, and note what is asked of it."""
    asked: list[tuple[str, dict[str, object], str]] = []

    def act(_home: Path, operation: str, params: dict[str, object], *, who: str, on_progress: object) -> object:
        assert on_progress is not None
        asked.append((operation, params, who))
        return {}

    monkeypatch.setattr("tui.screens.policies.act", act)
    return asked


async def test_proposing_wants_a_reason_and_a_yes(
    governed: SampleWorkspace, acted: list[tuple[str, dict[str, object], str]]
) -> None:
    PolicyDesk(governed).write(FILES | {"people.cedar": FILES["people.cedar"] + "// more\n"})
    async with governing(governed.home, "p") as pilot:
        assert isinstance(pilot.app.screen, AskScreen)
        await press(pilot, "enter")
        assert "a reason is needed" in shown(pilot)

        await press(pilot, *"eu", "enter", "n")
        assert "nothing was done" in shown(pilot)
        assert acted == []

        await press(pilot, "p", *"eu", "enter", "y")

        assert acted == [("policy.propose", {"reason": "eu"}, "bea")]
        assert "is proposed" in shown(pilot)


async def test_approving_names_the_bundle_and_leaves_activating_a_step_of_its_own(
    governed: SampleWorkspace, acted: list[tuple[str, dict[str, object], str]]
) -> None:
    async with governing(governed.home, "a") as pilot:
        for part in (
            f"Approve bundle {PROPOSED}  as bea",
            "proposed by ada@acme.example",
            "2 newly denied",
            "four eyes",
        ):
            assert part in shown(pilot), part

        await press(pilot, *"ok", "enter", "y")

    assert acted == [("policy.approve", {"digest": digest_of(STRICTER), "later": True, "reason": "ok"}, "bea")]


async def test_activating_an_approved_candidate_wants_a_yes_alone(
    governed: SampleWorkspace, acted: list[tuple[str, dict[str, object], str]]
) -> None:
    PolicyDesk(governed).candidate(STRICTER, "proposed", REPORT, minutes_ago=1, approval=b"{}")
    async with governing(governed.home) as pilot:
        assert "▲ to activate" in line_with(pilot, "▌")
        assert "1 candidate to activate" in lines(pilot)[0]

        await press(pilot, "x", "enter")
        assert acted == []
        await press(pilot, "x", "y")

    assert acted == [("policy.activate", {"digest": digest_of(STRICTER)}, "bea")]


async def test_rolling_back_goes_to_the_bundle_before_or_to_the_one_under_the_cursor(
    governed: SampleWorkspace, acted: list[tuple[str, dict[str, object], str]]
) -> None:
    desk = PolicyDesk(governed)
    before = FILES | {"people.cedar": FILES["people.cedar"] + "// once\n"}
    desk.activate(before, minutes_ago=100)
    desk.activate(FILES, minutes_ago=90, kind="rollback")
    async with governing(governed.home, "r", *"bad", "enter", "y") as pilot:
        assert acted.pop() == ("policy.rollback", {"to": digest_of(before), "reason": "bad"}, "bea")

        await press(pilot, "G", "r", *"bad", "enter", "y")

    assert acted[0][1]["to"] not in (digest_of(before), digest_of(FILES))


async def test_withdrawing_takes_the_proposal_back(
    governed: SampleWorkspace, acted: list[tuple[str, dict[str, object], str]]
) -> None:
    async with governing(governed.home, "w", *"no", "enter", "y"):
        pass

    assert acted == [("policy.withdraw", {"digest": digest_of(STRICTER), "reason": "no"}, "bea")]


async def test_without_a_name_nothing_is_asked_and_the_note_says_how_to_give_one(governed: SampleWorkspace) -> None:
    async with governing(governed.home, "a", who=None) as pilot:
        assert "lading --as NAME tui" in shown(pilot)


@pytest.mark.parametrize("key", list("paxrw"))
async def test_without_a_name_every_key_says_how_to_give_one(acme: SampleWorkspace, key: str) -> None:
    async with governing(acme.home, key, who=None) as pilot:
        assert "lading --as NAME tui" in shown(pilot)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("p", "nothing decides yet: the folder will, from the first decision on"),
        ("a", "no bundle waits to be approved"),
        ("x", "no approved bundle waits to decide"),
        ("w", "no proposal is there to be withdrawn"),
        ("r", "no other bundle decided before"),
    ],
)
async def test_where_nothing_can_be_done_a_key_says_why(acme: SampleWorkspace, key: str, why: str) -> None:
    async with governing(acme.home, key) as pilot:
        assert why in shown(pilot)


async def test_a_folder_that_waits_or_decides_is_not_proposed_again(governed: SampleWorkspace) -> None:
    desk = PolicyDesk(governed)
    desk.write(STRICTER)
    async with governing(governed.home, "p") as pilot:
        assert "the folder is proposed already" in shown(pilot)
        desk.write(FILES)
        pilot.app.session.look_at_folder()
        await press(pilot, "p")
        assert "the folder is what decides: edit the policies first" in shown(pilot)


async def test_a_broken_folder_is_mended_before_it_is_proposed(governed: SampleWorkspace) -> None:
    desk = PolicyDesk(governed)
    broken = FILES | {"people.cedar": FILES["people.cedar"] + "permit\n"}
    desk.write(broken)
    desk.candidate(broken, "broken", REPORT, minutes_ago=0)
    async with governing(governed.home, "p") as pilot:
        assert "the folder is broken: mend it first" in shown(pilot)


async def test_a_key_on_another_row_says_where_the_cursor_has_to_be(governed: SampleWorkspace) -> None:
    PolicyDesk(governed).candidate(FILES | {"x.cedar": ""}, "ready", REPORT, minutes_ago=0)
    async with governing(governed.home) as pilot:
        await press(pilot, *("k" * 9), "a")
        assert "put the cursor on the bundle that is proposed" in shown(pilot)


async def test_what_a_key_says_does_not_disturb_typing(governed: SampleWorkspace) -> None:
    async with governing(governed.home, "slash", *"paxrw", who=None) as pilot:
        assert "lading --as NAME tui" not in shown(pilot)


def test_a_denial_is_told_with_policy_condition_and_remedy() -> None:
    denied = {"because": ["govern"], "reasons": [{"condition": "x is false"}], "remedies": ["Ask Ada."]}

    assert denial({"denied": denied}) == "denied by govern  x is false  Ask Ada."
    assert denial({"digest": "a"}) is None
    assert denial(None) is None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the starter policies, and two people who may govern them."""
    home = tmp_path_factory.mktemp("made") / "acme"
    create(home, org="acme.example", name="Acme", region="EU", admin="ada")
    hire(home, "bea", roles="security")
    with Office(Layout(home)) as office:
        ask(office, "trust.issue")
    return home


async def test_policies_are_proposed_approved_activated_and_rolled_back_on_the_screen(
    made: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(made, tmp_path / "acme"))
    people = home / "policies" / "people.cedar"
    people.write_text(people.read_text() + "\n// Looked at again.\n")

    async with governing(home, "p", *"again", "enter", "y", who="ada", size=(160, 50)) as pilot:
        await settle(pilot)
        assert "is proposed" in shown(pilot), shown(pilot)
        await press(pilot, "g", "a", *"mine", "enter", "y")
        assert "nobody approves their own" in shown(pilot)

    async with governing(home, "a", *"fine", "enter", "y", size=(160, 50)) as pilot:
        assert "is approved" in shown(pilot), shown(pilot)
        await press(pilot, "x", "y")
        assert "✔ decides" in line_with(pilot, "again")
        await press(pilot, "r", *"too soon", "enter", "y")
        assert "back again: too soon" in shown(pilot)

    view = WorkspaceView(home)
    kinds = [each.kind for each in view.policies.standing().activations]
    actors = {row.type: row.name for row in view.log.rows(0, 100) if row.type.startswith("policy.")}
    view.close()
    assert kinds == ["rollback", "activation", "initial"]
    assert actors["policy.approved"] == "bea@acme.example"
