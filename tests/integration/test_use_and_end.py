"""What is done with an artifact, and when an agreement ends: decided, and in the log."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from engine.demo.model import make_model
from engine.errors import UsageError
from engine.workspace.operations.agreements import record_ended
from tests.integration.simulator import ACME, PartnerSimulator

ENDS = datetime(2036, 1, 1, tzinfo=UTC)


def received(two: PartnerSimulator) -> str:
    """Have Borealis receive an artifact from Acme under the sample agreement; return its root."""
    source = make_model(two.folder / "tiny", size=1 << 20).folder
    root = str(two.acme.ask("artifact.pack", path=str(source), name="tiny", version="1")["root"])
    assert two.send(root)["state"] == "completed"
    return root


def test_an_agreed_use_is_in_the_log_with_purpose_and_impact(two: PartnerSimulator) -> None:
    root = received(two)
    wish = {"ref": root, "act": "execute", "purpose": "evaluation", "impact": "the score of the card is confirmed"}

    said = two.borealis.ask("artifact.use", **wish)

    assert said == {"root": root, "artifact": "tiny:1", "act": "execute"}
    [entry] = two.borealis.entries("artifact.executed")
    assert (entry.public["artifact"], entry.public["agreement"]) == (root, two.agreement)
    assert entry.payload is not None
    assert (entry.payload["purpose"], entry.payload["impact"]) == (wish["purpose"], wish["impact"])
    before = two.borealis.office.log.entry(entry.index - 1)
    assert (before.type, (before.payload or {})["action"]) == ("decision.permit", "execute")


def test_a_use_that_was_not_agreed_is_denied_and_only_the_denial_is_logged(two: PartnerSimulator) -> None:
    root = received(two)

    for act, purpose in (("execute", "training"), ("deploy", "evaluation")):
        assert "denied" in two.borealis.ask("artifact.use", ref=root, act=act, purpose=purpose)

    assert two.borealis.entries("artifact.executed") == two.borealis.entries("artifact.deployed") == []
    assert len(two.borealis.entries("decision.deny")) >= 2


def test_its_owner_deploys_an_artifact(two: PartnerSimulator) -> None:
    source = make_model(two.folder / "tiny", size=1 << 20).folder
    root = str(two.acme.ask("artifact.pack", path=str(source), name="tiny", version="1")["root"])

    two.acme.ask("artifact.use", ref=root, act="deploy", purpose="production")

    [entry] = two.acme.entries("artifact.deployed")
    assert entry.public["artifact"] == root


def test_a_changed_file_is_in_the_log_of_who_packed_it_and_of_who_wrote_it_once(two: PartnerSimulator) -> None:
    root = received(two)
    written = two.folder / "written"
    two.borealis.ask("artifact.export", ref=root, folder=str(written), purpose="evaluation")
    [first, *_] = sorted(path.name for path in written.iterdir() if path.is_file())

    for side, folder in ((two.acme, two.folder / "tiny"), (two.borealis, written)):
        assert side.ask("artifact.verify", artifact=str(folder))["ok"]
        assert side.entries("artifact.modified") == []
        (folder / first).write_bytes((folder / first).read_bytes() + b"!")
        for _ in range(2):
            assert not side.ask("artifact.verify", artifact=str(folder))["ok"]

        [entry] = side.entries("artifact.modified")
        assert (entry.public["artifact"], (entry.payload or {})["folder"]) == (root, str(folder))
        assert (entry.payload or {})["changed"] == [f"{first}: size-mismatch"]


def test_an_exported_folder_that_was_made_another_artifact_is_a_modified_one(two: PartnerSimulator) -> None:
    written, root = two.folder / "written", received(two)
    two.borealis.ask("artifact.export", ref=root, folder=str(written), purpose="evaluation")
    other = make_model(two.folder / "other", size=1 << 19).folder
    two.borealis.ask("artifact.pack", path=str(other), name="other", version="1")
    shutil.rmtree(written)
    shutil.copytree(other, written)
    (two.folder / "shortcut").symlink_to(written)

    for name in ("written", "shortcut"):
        found = two.borealis.ask("artifact.verify", artifact=str(two.folder / name))
        assert (found["ok"], found["root"]) == (False, root)

    assert {entry.public["artifact"] for entry in two.borealis.entries("artifact.modified")} == {root}


def test_a_folder_is_held_against_what_was_written_there_last_and_nothing_that_was_refused(
    two: PartnerSimulator,
) -> None:
    written, root = two.folder / "written", received(two)
    other = make_model(two.folder / "other", size=1 << 19).folder
    second = two.borealis.ask("artifact.pack", path=str(other), name="other", version="1")["root"]
    two.borealis.ask("artifact.export", ref=second, folder=str(written), purpose="evaluation")
    with pytest.raises(UsageError, match="not an empty folder"):
        two.borealis.ask("artifact.export", ref=root, folder=str(written), purpose="evaluation")
    assert two.borealis.ask("artifact.verify", artifact=str(written))["root"] == second

    shutil.rmtree(written)
    two.borealis.ask("artifact.export", ref=root, folder=str(written), purpose="evaluation")
    assert two.borealis.ask("artifact.verify", artifact=str(written))["root"] == root
    shutil.rmtree(written)
    shutil.copytree(other, written)

    assert two.borealis.ask("artifact.verify", artifact=str(written))["root"] == root
    assert len(two.borealis.entries("artifact.modified")) == 1


def test_a_folder_that_was_packed_twice_is_either_version(two: PartnerSimulator) -> None:
    folder = make_model(two.folder / "tiny", size=1 << 19).folder
    first = two.acme.ask("artifact.pack", path=str(folder), name="tiny", version="1")["root"]
    (folder / "more.json").write_text("{}")
    second = two.acme.ask("artifact.pack", path=str(folder), name="tiny", version="2")["root"]

    assert two.acme.ask("artifact.verify", artifact=str(folder))["root"] == second
    (folder / "more.json").unlink()
    assert two.acme.ask("artifact.verify", artifact=str(folder))["root"] == first


def test_a_folder_that_lading_never_saw_says_nothing_about_an_artifact(two: PartnerSimulator) -> None:
    received(two)
    other = make_model(two.folder / "other", size=1 << 20).folder
    (other / "more").write_text("x")

    assert not two.acme.ask("artifact.verify", artifact=str(other))["ok"]
    assert two.acme.entries("artifact.modified") == []


def test_an_agreement_that_expired_is_recorded_once_on_both_sides(two: PartnerSimulator) -> None:
    for side in (two.acme, two.borealis):
        record_ended(side.office)
        assert side.entries("agreement.ended") == []

    two.clock.now = ENDS + timedelta(seconds=1)
    for side in (two.acme, two.borealis):
        record_ended(side.office)
        record_ended(side.office)

    for side, partner in ((two.acme, "borealis.example"), (two.borealis, ACME)):
        [entry] = side.entries("agreement.ended")
        assert (entry.public["agreement"], entry.public["partner"]) == (two.agreement, partner)
        assert (entry.payload or {})["expired"] == "2036-01-01T00:00:00.000Z"
