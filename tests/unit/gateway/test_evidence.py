"""What partners may fetch of a log: hash tiles by their own paths, and what it says of their own transfers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.evidence import entries_about, evidence_message, openings, read_tile
from engine.wire.messages import EvidenceMessage, RecordMessage
from tests.unit.audit.conftest import Acme

HOSTILE = [
    "",
    "0",
    "0/",
    "0/000/../001",
    "entries/000",
    "0/x000",
    "0/1000",
    "0/001",
    "0/000.p/",
    "0/000.p/0",
    "0/000.p/4",
    "0/000.p/257",
    "0/000.p/-1",
    "-1/000",
    "99/000",
    "0/x999/x999/x999/x999/x999/x999/999",
    "0/\u0660\u0660\u0660",
    "0/000\n",
]


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    return Acme(Path(tmp_path_factory.mktemp("acme")))


def test_a_tile_is_read_by_its_path(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(3))

        assert len(read_tile(log, "0/000.p/3") or b"") == 3 * 32


@pytest.mark.parametrize("path", HOSTILE)
def test_no_other_path_leads_anywhere(acme: Acme, path: str) -> None:
    with acme.open() as log:
        log.record_many(acme.events(3))

        assert read_tile(log, path) is None


@given(st.text(alphabet="0123456789x/.p-", max_size=40))
def test_whatever_is_asked_for_is_a_tile_or_nothing(path: str) -> None:
    class NoLog:
        def tile(self, level: int, number: int, width: int) -> None:
            assert level < 100
            assert number < 2**63
            assert width < 1000

    assert read_tile(NoLog(), path) is None  # type: ignore[arg-type] - only its tiles are asked for


BURIED = "tr-" + "b" * 24
PARTNER = "borealis.example"


def test_a_transfer_that_was_decided_about_thousands_of_times_has_evidence_and_a_record(acme: Acme) -> None:
    kinds = ["transfer.offered", *["decision.permit"] * 3000, "decision.deny", *["decision.permit"] * 3000]
    record = {"record": '{"reasons":["r"],"disclosed":["r"]}', "action": "send"}
    with acme.open() as log:
        start = log.size
        log.record_many(
            [
                acme.event(10_000 + number, type=kind, transfer=BURIED, actor="gateway", payload=record)
                for number, kind in enumerate(kinds)
            ]
        )
        reader = log.reader
        evidence = evidence_message("acme.example", reader, PARTNER, BURIED, log.checkpoint(), cited=None)
        shown = openings(entries_about(reader, PARTNER, BURIED, cited=None), discloses=True)

    kept = [start + number for number in (0, 1, 3000, 3001, 3002, 6001)]
    assert [each.index for each in EvidenceMessage.parse(evidence.body()).entries] == kept
    told = RecordMessage(organization="acme.example", openings=shown, statements={})
    assert [each.index for each in RecordMessage.parse(told.body()).openings] == kept[1:]
