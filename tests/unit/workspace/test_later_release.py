"""A log in which a later release recorded what this one does not know."""

import json
from pathlib import Path

import pytest

from engine.audit.entry import parse_leaf
from engine.digest import canonical
from engine.errors import InputError
from engine.events import Event
from engine.workspace.layout import Layout
from engine.workspace.log.export import export_log
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import show_entry, verify_log
from engine.workspace.log.view import LogView, Proof
from engine.workspace.office import Office
from tests.payloads import documented

LATER = "lease.renewed"


@pytest.fixture
def grown(home: Path) -> tuple[Path, int]:
    """A workspace, and the index of the entry that nobody here knows."""
    event = Event(id="later", type=LATER, actor="ada@acme.example", payload={"terms": {"days": 3}})
    with Office(Layout(home)) as office:
        index = office.log.record(event).index
        office.remember_own()
    return home, index


def test_a_type_of_a_later_release_is_verified_shown_and_found(grown: tuple[Path, int]) -> None:
    home, index = grown

    assert LATER not in documented()
    assert verify_log(home, lambda _: None)["ok"]
    assert show_entry(home, index)["payload"] == {"actor": "ada@acme.example", "terms": {"days": 3}}
    assert [each["index"] for each in ask_log(home, Question(text=f"type:{LATER}"))["entries"]] == [index]


@pytest.mark.parametrize("name", ["jsonl", "csv", "ocsf", "cloudevents"])
def test_it_is_exported_under_its_own_name(grown: tuple[Path, int], name: str) -> None:
    pieces: list[str] = []

    export_log(grown[0], f"type:{LATER}", name, proofs=True, output=None, write=pieces.append)

    assert LATER in "".join(pieces)


def test_the_screen_shows_it_among_the_others_and_proves_it(grown: tuple[Path, int]) -> None:
    home, index = grown
    view = LogView(Layout(home))

    [row] = [each for each in view.rows(0, view.size()) if each.index == index]
    [checked] = view.check([row])
    view.close()

    assert (row.type, row.name, checked.proof) == (LATER, "ada@acme.example", Proof.PROVED)


def test_a_leaf_attribute_of_a_later_release_is_refused(grown: tuple[Path, int]) -> None:
    home, index = grown
    leaf = show_entry(home, index)["public"]
    assert isinstance(leaf, dict)

    with pytest.raises(InputError, match="adds the attributes \\['region'\\]"):
        parse_leaf(canonical(leaf | {"region": "EU"}))
    assert parse_leaf(canonical(leaf)) == json.loads(canonical(leaf))
