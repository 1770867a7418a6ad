"""docs/formats/events.md says what every payload holds, and shows an entry of every type that proves it."""

import json
from typing import Any

import pytest

from engine.audit.entry import commitment, parse_leaf
from engine.digest import canonical
from tests.payloads import EXAMPLES, FORMATS, documented, objections
from tests.test_docs import DECISIONS, STATES, TYPE, sources

SHOWN: list[dict[str, Any]] = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]


def test_every_recorded_type_has_its_payload_documented_and_an_example() -> None:
    recorded = {each for source in sources() for each in TYPE.findall(source)} | DECISIONS | STATES

    assert sorted(documented()) == sorted(recorded)
    assert sorted({each["leaf"]["type"] for each in SHOWN}) == sorted(recorded)


@pytest.mark.parametrize("kind", sorted(documented()))
def test_the_examples_of_a_type_have_the_fields_that_the_page_lists_and_no_others(kind: str) -> None:
    payloads = [each["payload"] for each in SHOWN if each["leaf"]["type"] == kind]

    assert [objection for payload in payloads for objection in objections(kind, payload)] == []


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown["leaf"]["type"])
def test_an_example_is_a_leaf_and_the_payload_that_it_commits_to(shown: dict[str, Any]) -> None:
    assert parse_leaf(canonical(shown["leaf"])) == shown["leaf"]
    assert shown["leaf"]["commitment"] == commitment(bytes.fromhex(shown["salt"]), canonical(shown["payload"]))


def test_the_page_leads_to_the_examples() -> None:
    assert f"]({EXAMPLES.name})" in (FORMATS / "events.md").read_text(encoding="utf-8")
