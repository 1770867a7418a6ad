"""Of very many entries about a handoff, evidence has all that tell something."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.entry import Entry
from engine.custody import extract as room
from engine.custody.extract import MOST, cited_entry, extract
from engine.events import event_id

Said = tuple[str, str, str]
PERMIT, DENY, OTHER_BUNDLE = ("permit", "one", "send"), ("deny", "one", "send"), ("permit", "two", "send")
APPROVE = ("permit", "one", "approve")


def decision(index: int, said: Said) -> Entry:
    outcome, policy, action = said
    return entry(index, f"decision.{outcome}", {"policy": policy, "decision": outcome}, {"action": action})


def entry(index: int, kind: str, more: dict[str, str] | None = None, payload: dict[str, Any] | None = None) -> Entry:
    public = {"id": str(index), "time": str(index), "commitment": str(index), "type": kind, **(more or {})}
    return Entry(index, str(index), str(index), kind, b"", public, b"", payload or {})


def decisions(said: Sequence[Said]) -> list[Entry]:
    return [decision(index, each) for index, each in enumerate(said)]


def told(entries: Sequence[Entry], action: str) -> list[tuple[str, str]]:
    """Return the answers to one question as they changed."""
    said = [
        (each.type, each.public["policy"])
        for each in entries
        if each.type.startswith("decision.") and (each.payload or {}).get("action") == action
    ]
    return [answer for answer, _ in groupby(said)]


@pytest.fixture(scope="module", autouse=True)
def few_are_many() -> Iterator[None]:
    """Leave out what repeats however few there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "MOST", 0)
        yield


def indexes(entries: Sequence[Entry]) -> list[int]:
    return [each.index for each in extract(entries, None)]


def test_a_denial_for_another_reason_is_not_lost_among_those_for_one() -> None:
    reasons = ["no-permit", "no-permit", "deny-embargoed", "no-permit", "no-permit"]
    entries = [
        entry(index, "decision.deny", {"policy": "one"}, {"action": "send", "because": [reason]})
        for index, reason in enumerate(reasons)
    ]

    assert indexes(entries) == [0, 1, 2, 3, 4]


def test_of_a_row_that_says_the_same_the_first_and_the_last_stay() -> None:
    assert indexes(decisions([PERMIT] * 5)) == [0, 4]
    assert indexes(decisions([PERMIT])) == [0]


@pytest.mark.parametrize("between", [DENY, OTHER_BUNDLE])
def test_another_answer_and_another_bundle_end_a_row_and_stay(between: Said) -> None:
    assert indexes(decisions([PERMIT, PERMIT, PERMIT, between, PERMIT, PERMIT, PERMIT])) == [0, 2, 3, 4, 6]


def test_questions_that_alternate_are_rows_of_their_own() -> None:
    assert indexes(decisions([APPROVE, PERMIT] * 5)) == [0, 1, 8, 9]


def test_whatever_nobody_can_have_repeated_stays_and_so_does_the_decision_before_it() -> None:
    entries = [*decisions([PERMIT] * 4), entry(4, "transfer.accepted"), *decisions([PERMIT] * 9)[5:]]
    assert indexes(entries) == [0, 3, 4, 5, 8]


def test_lines_that_broke_are_told_by_the_first_and_the_last() -> None:
    entries = [
        each for index in range(0, 20, 2) for each in (decision(index, PERMIT), entry(index + 1, "transfer.resumed"))
    ]
    assert indexes(entries) == [0, 1, 18, 19]


@given(st.lists(st.sampled_from([PERMIT, DENY, OTHER_BUNDLE, APPROVE, None]), max_size=60))
def test_no_answer_is_lost_and_nothing_else_is(said: list[Said | None]) -> None:
    entries = [decision(i, each) if each else entry(i, "transfer.offered") for i, each in enumerate(said)]

    kept = extract(entries, None)

    assert [each for each in kept if each.type == "transfer.offered"] == [
        each for each in entries if each.type == "transfer.offered"
    ]
    for action in ("send", "approve"):
        assert told(kept, action) == told(entries, action)
    assert kept == sorted(kept, key=lambda each: each.index)


@given(
    st.lists(
        st.tuples(st.sampled_from([PERMIT, DENY, OTHER_BUNDLE, APPROVE, None]), st.booleans()), min_size=1, max_size=60
    ),
    st.data(),
)
def test_what_a_statement_cites_stays_whatever_was_erased(
    said: list[tuple[Said | None, bool]], data: st.DataObject
) -> None:
    entries = [decision(i, each) if each else entry(i, "transfer.offered") for i, (each, _) in enumerate(said)]
    erased = [replace(each, payload=None) if gone else each for each, (_, gone) in zip(entries, said, strict=True)]
    cited = data.draw(st.sampled_from(erased))

    assert cited in extract(erased, cited.id)
    assert set(indexes(erased)) <= {each.index for each in extract(erased, cited.id)} <= {*indexes(erased), cited.index}


def test_of_erased_decisions_the_cited_one_stays_between_those_about_something_else() -> None:
    entries = [replace(each, payload=None) for each in decisions([APPROVE, PERMIT, APPROVE])]
    [cited] = [each for each in entries if each.index == 1]

    assert indexes(entries) == [0, 2]
    assert [each.index for each in extract(entries, cited.id)] == [0, 1, 2]


def test_the_entry_that_is_cited_is_that_of_the_decision() -> None:
    document = b'{"decision":"permit","id":"0123456789abcdef0123456789abcdef","policy":"00"}'
    assert cited_entry(document) == event_id("0123456789abcdef0123456789abcdef", "decision")
    assert cited_entry(None) is None


def test_a_handoff_of_ordinary_length_is_told_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", MOST)
    assert extract(decisions([PERMIT] * MOST), None) == decisions([PERMIT] * MOST)
    assert len(extract(decisions([PERMIT] * (MOST + 1)), None)) == 2
