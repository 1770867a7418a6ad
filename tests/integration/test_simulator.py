"""A handoff inside one process, where every message between the two sides can be bent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.demo.model import make_model
from engine.errors import Interrupted
from engine.wire.messages import OfferMessage
from engine.wire.problem import ProblemError
from tests.integration.link import at, broken
from tests.integration.simulator import PartnerSimulator

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLE)
    yield simulator
    simulator.close()


def packed(two: PartnerSimulator, name: str, folder: Path) -> str:
    source = make_model(folder / name, size=13 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])


def paused(two: PartnerSimulator, transfer: str) -> dict[str, Any]:
    """Return what the sender's log says of a transfer's only pause, besides who acted."""
    payload = dict(two.acme.payload_of(transfer, "transfer.paused"))
    payload.pop("actor")
    return payload


def test_a_broken_line_sends_only_the_rest_again(two: PartnerSimulator, tmp_path: Path) -> None:
    root = packed(two, "broken", tmp_path)
    two.link.breaks_after = 3

    with pytest.raises(Interrupted):
        two.send(root, patience=0)
    sent = two.send(root)

    assert (sent["state"], sent["verdict"], sent["sent_twice"]) == ("completed", "released", 0)
    assert paused(two, sent["id"]) == {"step": "send", "why": "the line broke", "acknowledged": 3, "chunks": 9}
    log = two.acme.log_of(sent["id"])
    assert log.index("transfer.started") < log.index("transfer.paused") < log.index("transfer.resumed")


def test_a_handoff_that_a_person_stopped_goes_on_from_its_step(two: PartnerSimulator, tmp_path: Path) -> None:
    root = packed(two, "stopped", tmp_path)

    def stop() -> None:
        raise KeyboardInterrupt

    two.link.before = at("commit", 1, stop)
    with pytest.raises(KeyboardInterrupt):
        two.send(root)
    sent = two.send(root)

    assert sent["state"] == "completed"
    assert paused(two, sent["id"]) == {"step": "commit", "why": "a person stopped it", "acknowledged": 9, "chunks": 9}


def test_every_time_that_a_partner_is_not_reached_is_a_pause_of_its_own(two: PartnerSimulator, tmp_path: Path) -> None:
    root = packed(two, "unreached", tmp_path)

    def down(_: str) -> None:
        raise broken()

    two.link.before = down
    for _ in range(2):
        with pytest.raises(Interrupted):
            two.send(root, patience=0)
    two.link.before = lambda _: None
    sent = two.send(root)

    assert sent["state"] == "completed"
    assert two.acme.log_of(sent["id"]).count("transfer.paused") == 2


def test_an_offer_again_is_answered_alike_and_another_under_its_id_is_refused(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    sent = two.send(packed(two, "offered", tmp_path))
    kept = two.borealis.parts.table.document(sent["id"], "message")
    assert kept is not None
    message = OfferMessage.parse(kept)

    again = two.borealis.handlers.offer("acme.example", message, "127.0.0.1")
    with pytest.raises(ProblemError) as stranger:
        two.borealis.handlers.offer("borealis.example", message, "127.0.0.1")

    assert again.known
    assert stranger.value.problem.status in {403, 409}


def test_foreign_and_unknown_transfers_answer_alike(two: PartnerSimulator, tmp_path: Path) -> None:
    sent = two.send(packed(two, "foreign", tmp_path))
    answers = []
    for peer, transfer in (("cygnus.example", sent["id"]), ("acme.example", f"tr-{'0' * 24}")):
        for ask in (two.borealis.handlers.status, two.borealis.handlers.evidence, two.borealis.handlers.missing):
            with pytest.raises(ProblemError) as refused:
                ask(peer, transfer)
            answers.append(refused.value.problem.body())

    assert len(set(answers)) == 1


def test_a_commit_before_everything_is_there_is_refused(two: PartnerSimulator, tmp_path: Path) -> None:
    root = packed(two, "early", tmp_path)
    two.link.breaks_after = 2
    with pytest.raises(Interrupted):
        two.send(root, patience=0)
    [waiting] = [each for each in two.borealis.parts.table.in_state("offered") if each.artifact == root]

    with pytest.raises(ProblemError) as refused:
        two.borealis.handlers.commit("acme.example", waiting.id)

    assert refused.value.problem.status == 409
    assert refused.value.problem.codes == ("chunks-missing",)
