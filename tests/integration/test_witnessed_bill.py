"""A third party cosigns both logs after a transfer; a bill that is made then has its cosignatures, and is witnessed."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint, read_checkpoint
from engine.audit.note import NoteKey
from engine.custody.account import verify_bill
from engine.errors import EvidenceError
from engine.events import Event, event_id, timestamp
from engine.signing.trust_folder import TrustFolder
from engine.signing.witnesses import PinnedWitness
from engine.wire.messages import EvidenceMessage
from engine.wire.problem import ProblemError
from engine.workspace.witness.folder import WitnessFolder
from engine.workspace.witness.round import WitnessRound
from tests.integration.serving import serving
from tests.integration.simulator import ACME, BOREALIS, Side
from tests.unit.custody.handed import Handed, hand_over


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> WitnessFolder:
    return WitnessFolder.create(tmp_path_factory.mktemp("archive") / "witness", "witness.example")


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory, archive: WitnessFolder) -> Iterator[Handed]:
    """A finished handoff whose logs the archive and the other side cosigned afterwards, and which grew since."""
    made = hand_over(tmp_path_factory.mktemp("handed"))
    for side in (made.two.acme, made.two.borealis):
        archive.add_log(side.office.log.key.vkey)
    with serving(archive.home) as (_, url):
        for number, side in enumerate((made.two.acme, made.two.borealis)):
            happen(side, number)
            side.ask("witness.pin", name="archive", vkey=archive.key.vkey, url=url)
            WitnessRound(side.office).run()
    for number, side in enumerate((made.two.acme, made.two.borealis)):
        happen(side, 10 + number)
    yield made
    made.two.close()


@pytest.fixture
def trust(handed: Handed, archive: WitnessFolder, tmp_path: Path) -> Path:
    """A verifier's trust in both parties and in the archive."""
    folder = Path(shutil.copytree(handed.trust, tmp_path / "trust"))
    if "archive" not in {pin.name for pin in TrustFolder(folder).witnesses()}:
        TrustFolder(folder).pin(PinnedWitness(name="archive", vkey=archive.key.vkey))
    return folder


def happen(side: Side, number: int) -> None:
    id_, actor = event_id("test", "day", number), f"spiffe://{side.org}/gateway"
    side.office.log.record(
        Event(id=id_, type="gateway.started", actor=actor, payload={"at": timestamp(side.office.clock())})
    )


def shown_of(handed: Handed, bill: bytes, archive: WitnessFolder, side: Side, other: Side) -> SignedCheckpoint:
    """The checkpoint of a side's log in a bill, with who cosigned it."""
    checkpoint = json.loads(bill)["bill"]["logs"][side.org]["checkpoint"].encode()
    theirs = NoteKey.parse(handed.two.acme.office.trust.document(other.org).witness_keys[0])
    return open_checkpoint(checkpoint, [side.office.log.key, archive.key, theirs])


@pytest.mark.parametrize("issuer", ["acme", "borealis"])
def test_a_cosignature_that_came_after_the_transfer_is_in_the_bill_of_either_side(
    handed: Handed, archive: WitnessFolder, trust: Path, issuer: str
) -> None:
    two = handed.two
    bill = handed.made(getattr(two, issuer), renew=True)

    for side, other in ((two.acme, two.borealis), (two.borealis, two.acme)):
        seen = shown_of(handed, bill, archive, side, other)
        assert {each.key.name for each in seen.cosigned} == {"witness.example", f"{other.org}/lading/witness"}
        assert seen.checkpoint.size < side.office.log.size
    assert verify_bill(bill, trust).grade == "witnessed"


def altered(change: Callable[[EvidenceMessage], EvidenceMessage], honest: Any) -> Any:
    return lambda peer, transfer: change(honest(peer, transfer))


def _without_the_verdict(said: EvidenceMessage) -> EvidenceMessage:
    entries = tuple(each for each in said.entries if b'"verdict.issued"' not in base64.b64decode(each.leaf))
    assert len(entries) == len(said.entries) - 1
    return said.model_copy(update={"entries": entries})


def _without_cosignatures(said: EvidenceMessage) -> EvidenceMessage:
    note = "".join(line for line in said.checkpoint.splitlines(keepends=True) if "/lading/witness " not in line)
    return said.model_copy(update={"checkpoint": note})


@pytest.mark.parametrize("change", [_without_the_verdict, _without_cosignatures])
def test_what_this_witness_did_not_cosign_or_lacks_an_event_is_not_taken_but_the_newest(
    handed: Handed, archive: WitnessFolder, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    two, handlers = handed.two, handed.two.borealis.handlers
    monkeypatch.setattr(handlers, "witnessed_evidence", altered(change, handlers.witnessed_evidence))
    two.link.asked.clear()

    bill = handed.made(renew=True)

    assert [each for each in two.link.asked if each in {"witnessed", "evidence"}] == ["witnessed", "evidence"]
    seen = shown_of(handed, bill, archive, two.borealis, two.acme)
    assert [each.key.name for each in seen.cosigned] == [f"{ACME}/lading/witness"]
    assert verify_bill(bill, handed.trust).verdict == "released"


def test_a_gateway_that_knows_the_newest_alone_is_asked_for_that(
    handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> EvidenceMessage:
        raise ProblemError(404, "Not Found")

    monkeypatch.setattr(handed.two.borealis.handlers, "witnessed_evidence", unknown)

    assert verify_bill(handed.made(renew=True), handed.trust).verdict == "released"


def _moved(said: EvidenceMessage) -> EvidenceMessage:
    first = said.entries[0].model_copy(update={"index": said.entries[0].index + 1})
    return said.model_copy(update={"entries": (first, *said.entries[1:])})


def _of_another_log(said: EvidenceMessage) -> EvidenceMessage:
    return said.model_copy(update={"checkpoint": said.checkpoint.replace(BOREALIS, "cirrus.example")})


@pytest.mark.parametrize("change", [_moved, _of_another_log])
def test_evidence_that_does_not_hold_makes_no_bill(
    handed: Handed, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    handlers = handed.two.borealis.handlers
    monkeypatch.setattr(handlers, "witnessed_evidence", altered(change, handlers.witnessed_evidence))

    with pytest.raises(EvidenceError):
        handed.made(renew=True)


def test_a_checkpoint_that_is_older_than_the_transfer_is_never_chosen(handed: Handed) -> None:
    two = handed.two
    said = two.borealis.handlers.witnessed_evidence(ACME, handed.transfer)

    types = [two.borealis.office.log.entry(each.index).type for each in said.entries]
    assert "verdict.issued" in types
    assert read_checkpoint(said.checkpoint.encode()).size > max(each.index for each in said.entries)
