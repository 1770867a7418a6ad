"""Legal holds are what the log says, and nothing else."""

import pytest

from engine.audit.holds import HOLD_PLACED, Hold, holding, holds_of, lifted, placed
from engine.audit.log import AuditLog
from engine.audit.query.terms import All, Between, Like, Not, Phrase, Places, Some, Term
from engine.audit.reader import LogReader
from engine.audit.selection import term_of_json, term_to_json, term_to_text
from engine.errors import LogTampered
from engine.events import Event
from tests.unit.audit.conftest import Acme

OFFERS = Like("type", "transfer.offered")


def place(log: AuditLog, name: str, covers: Term = OFFERS) -> None:
    log.record(placed(name, covers, actor="ada@acme.example", reason="letter", after=log.size))


def standing(acme: Acme) -> list[Hold]:
    with LogReader(acme.path) as reader:
        return holds_of(reader)


def test_a_hold_stands_until_it_is_lifted_and_may_be_placed_again(acme: Acme) -> None:
    with acme.open() as log:
        place(log, "case-7")
        place(log, "case-8")
        [first, second] = standing(acme)
        log.record(lifted(first, actor="ada@acme.example", reason="settled"))
        assert standing(acme) == [second]
        place(log, "case-7")

    assert [(hold.name, hold.entry) for hold in standing(acme)] == [("case-8", 1), ("case-7", 3)]
    assert (first.reason, first.by, first.covers) == ("letter", "ada@acme.example", OFFERS)


def test_lifting_twice_is_one_event(acme: Acme) -> None:
    with acme.open() as log:
        place(log, "case-7")
        [hold] = standing(acme)
        log.record(lifted(hold, actor="ada@acme.example", reason=""))

        assert log.record(lifted(hold, actor="ada@acme.example", reason="")).known


def test_a_hold_covers_entries_that_come_after_it(acme: Acme) -> None:
    with acme.open() as log:
        place(log, "case-7")
        log.record_many(acme.events(2))

    with LogReader(acme.path) as reader:
        entries = [reader.entry(index) for index in range(3)]
        assert [holding(holds_of(reader), entry) for entry in entries] == [None, "case-7", "case-7"]


def test_a_hold_whose_payload_is_gone_is_damage_and_not_freedom(acme: Acme) -> None:
    with acme.open() as log:
        place(log, "case-7")
    acme.tamper("DELETE FROM payload WHERE idx = 0")

    with pytest.raises(LogTampered, match="hold placed by entry 0"):
        standing(acme)
    assert not acme.verify().ok


@pytest.mark.parametrize(
    "covers",
    [None, [], "all", {"kinds": []}, ["like", "payload", "x"], ["not"], ["phrase", [], True], ["places", "1", 2]],
)
def test_a_hold_that_cannot_be_read_is_damage(acme: Acme, covers: object) -> None:
    payload = {"name": "case-7", "covers": covers, "reason": ""}
    with acme.open() as log:
        log.record(Event(id="1", type=HOLD_PLACED, actor="ada", payload=payload))  # type: ignore[arg-type]

    with pytest.raises(LogTampered, match="cannot be read"):
        standing(acme)


def test_what_a_hold_covers_reads_back_as_it_was_written() -> None:
    term = All(
        (
            Not(Some((OFFERS, Phrase(("fraud", "screen"), open=True)))),
            Between("2026-06-01T12:00:00.000Z", None),
            Between(None, "2026-06-02T12:00:00.000Z"),
            Places(3, None),
        )
    )

    assert term_of_json(term_to_json(term)) == term
    assert term_to_text(term) == (
        '-((type:transfer.offered or "fraud screen"*)) since:2026-06-01T12:00:00.000Z'
        " until:2026-06-02T12:00:00.000Z entry:3.."
    ).replace("((", "(").replace("))", ")")


def test_what_is_nested_without_end_is_refused() -> None:
    term: object = ["like", "type", "x"]
    for _ in range(1000):
        term = ["not", term]

    with pytest.raises(ValueError, match="nested too deep"):
        term_of_json(term)
