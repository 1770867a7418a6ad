"""What is refused to whoever proved nothing stands in the log, and nobody fills the log by being refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint
from engine.audit.note import NoteSigner
from engine.audit.witness import add_checkpoint_body
from engine.errors import WorkspaceError
from engine.events import Event
from engine.wire.messages import Refusal, RefusalsMessage
from engine.workspace.keys import signing_key
from engine.workspace.witness.round import WitnessRound
from tests.integration.simulator import ACME, PartnerSimulator
from tests.integration.test_witnessing import happen, packed

DAMAGED = "digest-mismatch"


@pytest.fixture
def transfer(two: PartnerSimulator, tmp_path: Path) -> str:
    return str(two.send(packed(two, tmp_path))["id"])


def tell(two: PartnerSimulator, *refusals: Refusal) -> None:
    """Tell Borealis' owner what a listener refused."""
    two.borealis.handlers.refused(RefusalsMessage.parse(RefusalsMessage(refusals=refusals).body()))


def chunks(transfer: str, count: int, why: str = "other bytes") -> Refusal:
    return Refusal(cause=DAMAGED, count=count, transfer=transfer, why=why)


def strangers(cause: Any, count: int, why: str = "a stranger", transfer: str | None = None) -> Refusal:
    return Refusal(cause=cause, count=count, transfer=transfer, why=why)


def ask_to_witness(two: PartnerSimulator, size: int, key: Ed25519PrivateKey) -> int:
    """Ask Borealis, as Acme, to cosign a checkpoint of Acme's log that a key signed; return the status."""
    origin = two.acme.office.origin
    text = Checkpoint(origin, size, bytes(32)).text()
    body = add_checkpoint_body(0, (), text + b"\n" + NoteSigner(origin, key).sign(text))
    return two.borealis.handlers.add_checkpoint(ACME, body)[0]


def told(two: PartnerSimulator, kind: str) -> list[Any]:
    """Return what Borealis' log says of refusals of a type, besides who recorded it."""
    payloads = [dict(each.payload or {}) for each in two.borealis.entries(kind)]
    return [{name: value for name, value in each.items() if name != "actor"} for each in payloads]


def test_damaged_chunks_are_recorded_with_their_transfer(two: PartnerSimulator, transfer: str) -> None:
    tell(two, chunks(transfer, 3))

    [entry] = two.borealis.entries("chunk.refused")
    assert (entry.public["transfer"], entry.public["partner"]) == (transfer, ACME)
    assert told(two, "chunk.refused") == [{"cause": DAMAGED, "count": 3, "why": "other bytes"}]


def test_a_flood_makes_one_entry_in_ten_minutes_and_is_counted(two: PartnerSimulator, transfer: str) -> None:
    clock, refusals = two.borealis.clock, two.borealis.refusals
    tell(two, chunks(transfer, 1, "the first"))
    for number in range(1000):
        tell(two, chunks(transfer, 7, f"number {number}"))
    clock.advance(timedelta(minutes=9))
    refusals.record()
    assert [each["count"] for each in told(two, "chunk.refused")] == [1]

    clock.advance(timedelta(minutes=2))
    refusals.record()
    refusals.record()

    assert [(each["count"], each["why"]) for each in told(two, "chunk.refused")] == [
        (1, "the first"),
        (7000, "number 0"),
    ]
    clock.advance(timedelta(minutes=30))
    refusals.record()
    tell(two, chunks(transfer, 2, "after a rest"))
    assert [each["count"] for each in told(two, "chunk.refused")] == [1, 7000, 2]


def test_strangers_make_an_entry_for_each_cause_whatever_they_say(two: PartnerSimulator) -> None:
    for number in range(300):
        for cause in ("no-certificate", "not-verified", "unidentified", "expired"):
            tell(two, strangers(cause, 5, f"somebody {number}", transfer=f"tr-{number:024x}"))
    assert len(told(two, "trust.refused")) == 4

    two.borealis.clock.advance(timedelta(minutes=11))
    two.borealis.refusals.record()

    counts = [(each["cause"], each["count"]) for each in told(two, "trust.refused")]
    assert counts[:2] == [("no-certificate", 5), ("not-verified", 5)]
    assert sorted(counts[4:]) == [
        (cause, 1495) for cause in ("expired", "no-certificate", "not-verified", "unidentified")
    ]
    assert all("partner" not in entry.public for entry in two.borealis.entries("trust.refused"))


def test_what_is_only_counted_is_recorded_when_the_gateway_stops(two: PartnerSimulator, transfer: str) -> None:
    for count in (1, 4):
        tell(two, chunks(transfer, count))

    two.borealis.refusals.finish()

    assert [each["count"] for each in told(two, "chunk.refused")] == [1, 4]


def test_nothing_is_recorded_of_a_transfer_that_is_not_here(two: PartnerSimulator) -> None:
    size = two.borealis.office.log.size

    tell(two, chunks(f"tr-{'0' * 24}", 3))

    assert two.borealis.office.log.size == size


def test_what_could_not_be_recorded_is_recorded_later(
    two: PartnerSimulator, transfer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Event) -> None:
        raise WorkspaceError("the disk is full", remedy="Make room.")

    with monkeypatch.context() as patch:
        patch.setattr(two.borealis.office.log, "record", full)
        tell(two, chunks(transfer, 3))
    tell(two, chunks(transfer, 2))

    assert [each["count"] for each in told(two, "chunk.refused")] == [5]


def test_checkpoints_that_no_log_signed_make_one_entry_for_their_partner_and_are_counted(two: PartnerSimulator) -> None:
    stranger = Ed25519PrivateKey.generate()

    answers = {ask_to_witness(two, size, stranger) for size in range(1, 301)}

    assert answers == {403}
    [entry] = two.borealis.entries("witness.refused")
    assert entry.public["partner"] == ACME
    two.borealis.clock.advance(timedelta(minutes=11))
    two.borealis.refusals.record()
    seen = told(two, "witness.refused")
    assert [(each["cause"], each["count"], each["origin"]) for each in seen] == [
        ("unsigned", count, two.acme.office.origin) for count in (1, 299)
    ]
    assert all("signed by none of the known keys" in each["why"] for each in seen)


def test_what_a_partners_log_did_sign_is_recorded_each_among_a_flood_that_it_did_not(two: PartnerSimulator) -> None:
    WitnessRound(two.acme.office).run()
    stranger, own = Ed25519PrivateKey.generate(), signing_key(two.acme.office.layout.keys, "log")
    for size in range(1, 51):
        ask_to_witness(two, size, stranger)

    answers = [ask_to_witness(two, size, own) for size in (2, 1, 2, 1)]

    assert answers == [409] * 4
    seen = told(two, "witness.refused")
    assert [each["size"] for each in seen if "size" in each] == [2, 1]
    assert [each["count"] for each in seen if "count" in each] == [1]


def contradict(two: PartnerSimulator, number: int, size: int | None = None) -> int:
    """Ask Borealis, as Acme, to cosign another history that Acme's log signed; return the status."""
    origin, own = two.acme.office.origin, signing_key(two.acme.office.layout.keys, "log")
    last = two.borealis.office.witness.last(origin)
    assert last is not None
    text = Checkpoint(origin, size or last.size, number.to_bytes(32, "big")).text()
    body = add_checkpoint_body(size or last.size, (), text + b"\n" + NoteSigner(origin, own).sign(text))
    return two.borealis.handlers.add_checkpoint(ACME, body)[0]


def test_of_a_log_that_is_found_out_further_contradictions_are_counted(two: PartnerSimulator) -> None:
    WitnessRound(two.acme.office).run()

    answers = {contradict(two, number) for number in range(1, 301)}
    rolled_back = {contradict(two, number, size=1) for number in range(1, 101)}

    assert answers == rolled_back == {409}
    assert len(two.borealis.entries("witness.conflict")) == 1
    first, further = told(two, "witness.refused")
    assert "cause" not in first
    assert (further["cause"], further["count"], further["origin"]) == ("fork-open", 1, two.acme.office.origin)
    two.borealis.clock.advance(timedelta(minutes=11))
    two.borealis.refusals.record()
    assert [each["count"] for each in told(two, "witness.refused")[1:]] == [1, 398]


def test_once_a_fork_is_settled_the_next_one_is_recorded_and_kept(two: PartnerSimulator) -> None:
    WitnessRound(two.acme.office).run()
    for number in (1, 2):
        contradict(two, number)
        [found] = two.borealis.entries("witness.conflict")[number - 1 :]
        two.borealis.ask("fork.resolve", fork=(found.payload or {})["fork"], reason="they restored a backup")

    assert [each.get("cause") for each in told(two, "witness.refused")] == [None, None]


def test_a_checkpoint_from_before_is_recorded_once_however_the_log_grows(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    rolled_back = add_checkpoint_body(0, (), acme.office.log.checkpoint())
    for number in range(5):
        happen(acme, number)
        WitnessRound(acme.office).run()

        assert borealis.handlers.add_checkpoint(ACME, rolled_back)[0] == 409

    [entry] = borealis.entries("witness.refused")
    assert (entry.payload or {})["why"] == "more entries were cosigned before"
