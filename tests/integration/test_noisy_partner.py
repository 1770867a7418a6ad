"""A partner whose documents fail, or whose checkpoints carry what means nothing here: our work goes on."""

import base64
import json
import logging
import re
from pathlib import Path

import pytest

from engine.audit.note import KEPT_LIMIT, SIGNATURE_LIMIT, open_note
from engine.demo.model import make_model
from engine.errors import Interrupted
from engine.gateway.handlers import GatewayHandlers
from engine.gateway.incoming import COMMITTED
from engine.gateway.loops import finish_arrivals, reauthorize
from engine.wire.messages import EvidenceMessage
from tests.integration.simulator import ACME, PartnerSimulator


def noise(number: int, count: int = 99) -> bytes:
    """Return signature lines by keys that nobody here knows, others for each number."""
    junk = base64.b64encode(b"%064d" % number).decode()
    name = "unknown.example/" + "x" * 400
    return "".join(f"— {name}/{line} {junk}\n" for line in range(count)).encode()


def packed(two: PartnerSimulator, folder: Path, name: str = "model") -> str:
    source = make_model(folder / name, size=1 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])


def test_a_checkpoint_with_many_unknown_lines_is_one_that_statements_can_name(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    acme, borealis = two.acme, two.borealis
    note = acme.office.log.checkpoint() + noise(1)
    assert len(note) > KEPT_LIMIT

    borealis.office.checkpoints.receive(ACME, note)

    named = borealis.office.newest_checkpoint(ACME).encode()
    assert open_note(named, [acme.office.log.key]).text == open_note(note, [acme.office.log.key]).text
    assert b"unknown.example" not in named
    two.link.before = lambda _: borealis.office.checkpoints.remember(ACME, acme.office.log.checkpoint() + noise(2))
    assert two.send(packed(two, tmp_path))["state"] == "completed"


def test_what_an_earlier_release_remembered_can_still_be_named(two: PartnerSimulator, tmp_path: Path) -> None:
    acme, borealis = two.acme, two.borealis
    happened = acme.office.log.checkpoint() + noise(1)
    borealis.office.remembered.add(happened, acme.office.origin)  # as it was kept before, whole

    assert len(borealis.office.newest_checkpoint(ACME).encode()) <= KEPT_LIMIT
    assert two.send(packed(two, tmp_path))["state"] == "completed"


def test_a_checkpoint_shown_again_and_again_does_not_grow_the_memory(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    note, file = acme.office.log.checkpoint(), borealis.office.layout.remembered
    borealis.office.checkpoints.receive(ACME, note)
    before = file.stat().st_size

    for number in range(50):
        borealis.office.checkpoints.receive(ACME, note + noise(number))

    assert file.stat().st_size == before


def test_a_cosignature_by_a_known_witness_is_kept_beside_the_log_s_own_signature(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    two.back.add_checkpoint(b"old 0\n\n" + borealis.office.log.checkpoint())
    note = acme.office.log.checkpoint()
    status, line = two.link.add_checkpoint(b"old 0\n\n" + note)
    assert status == 200

    borealis.office.checkpoints.receive(ACME, note + noise(1, 3) + line + noise(2, 3))
    borealis.office.checkpoints.receive(ACME, note + noise(3, 3))

    assert borealis.office.newest_checkpoint(ACME).encode() == note + line


def test_a_checkpoint_that_the_partner_filled_with_lines_has_room_for_our_cosignature(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, borealis = two.acme, two.borealis
    honest = GatewayHandlers.evidence

    def noisy(handlers: GatewayHandlers, peer: str, transfer: str) -> EvidenceMessage:
        said = honest(handlers, peer, transfer)
        lines = SIGNATURE_LIMIT - said.checkpoint.count("\n\u2014 ")
        more = "".join(f"\u2014 unknown.example/{line} {'A' * 8}\n" for line in range(lines))
        return said.model_copy(update={"checkpoint": said.checkpoint + more})

    monkeypatch.setattr(GatewayHandlers, "evidence", noisy)

    sent = two.send(packed(two, tmp_path))

    assert sent["state"] == "completed"
    for side, other in ((acme, borealis), (borealis, acme)):
        bill = side.ask("bill.create", transfer=sent["id"])["bill"]
        shown = json.loads(bill)["bill"]["logs"][other.org]["checkpoint"].encode()
        keys = [other.office.log.key, side.office.witness.key]
        assert {each.key for each in open_note(shown, keys).signatures} == set(keys)
        assert b"unknown.example" not in shown


def test_a_transfer_that_cannot_be_judged_keeps_no_other_waiting(
    two: PartnerSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = two.borealis.parts
    broken, whole = (committed(two, packed(two, tmp_path, name)) for name in ("first", "second"))
    [found] = [each for each in parts.table.in_state(COMMITTED) if each.id == broken]
    message = parts.table.document(broken, "message") or b""
    parts.table.save(found, state=COMMITTED, step=found.step, documents={"message": b"{}"})

    with caplog.at_level(logging.ERROR, logger="lading.gateway"):
        assert finish_arrivals(parts) == 1

    assert [each.id for each in parts.table.in_state(COMMITTED)] == [broken]
    assert parts.table.find(whole).state == "completed"  # type: ignore[union-attr]
    assert broken in caplog.text
    assert finish_arrivals(parts) == 0
    [said] = two.borealis.entries("validation.inconclusive")
    assert (said.public["transfer"], said.public["artifact"]) == (broken, found.artifact)
    parts.table.save(found, state=COMMITTED, step=found.step, documents={"message": message})
    assert finish_arrivals(parts) == 1
    assert parts.table.in_state(COMMITTED) == []
    assert two.borealis.ask("bill.create", transfer=broken)["bill"]


def test_a_transfer_about_which_policy_cannot_be_asked_keeps_no_other_going(
    two: PartnerSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = two.borealis.parts
    broken, running = (begun(two, packed(two, tmp_path, name)) for name in ("first", "second"))
    found = parts.table.find(broken)
    assert found is not None
    parts.table.save(found, state=found.state, step=found.step, documents={"message": b"{}"})
    directory = two.borealis.home / "directory.yaml"
    directory.write_text(re.sub(r"\[service.*\]", "[]", directory.read_text()))

    with caplog.at_level(logging.ERROR, logger="lading.gateway"):
        reauthorize(parts)

    assert broken in caplog.text
    assert two.borealis.log_of(running)[-1] == "transfer.failed"


def begun(two: PartnerSimulator, root: str) -> str:
    """Have an offer accepted, and the line broken before the first chunk; return the transfer's id."""
    two.link.breaks_after = 0
    return interrupted(two, root)


def committed(two: PartnerSimulator, root: str) -> str:
    """Have every byte delivered, and the line broken before anybody asks for the verdict; return the transfer's id."""

    def breaking(request: str) -> None:
        if request == "status":
            raise Interrupted("the line is down", remedy="Wait.")

    two.link.before = breaking
    return interrupted(two, root)


def interrupted(two: PartnerSimulator, root: str) -> str:
    before = {transfer.id for transfer in two.borealis.office.incoming.all()}
    with pytest.raises(Interrupted):
        two.send(root, patience=0)
    two.link.before = lambda _: None
    [fresh] = {transfer.id for transfer in two.borealis.office.incoming.all()} - before
    return fresh
