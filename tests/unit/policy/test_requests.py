"""Requests and entities as JSON files."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import EntityUid
from engine.policy.requests import load_entities, load_request
from tests.unit.policy.worlds import NOON, ROOT

SAMPLES = ROOT / "samples" / "request"


def test_the_shipped_sample_is_permitted(starter: PolicyBundle) -> None:
    request, entities = load_request(SAMPLES / "request.json"), load_entities(SAMPLES / "entities.json")
    assert PolicyEngine(starter).decide(request, entities, NOON).because == ("send-own",)


def test_what_is_written_again_is_the_same() -> None:
    request, entities = load_request(SAMPLES / "request.json"), load_entities(SAMPLES / "entities.json")
    assert request.to_json() == json.loads((SAMPLES / "request.json").read_text())
    assert [entity.to_json() for entity in entities] == json.loads((SAMPLES / "entities.json").read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"action": {"type": "Deed", "id": "send"}}, 'action.type: found "Deed"'),
        ({"principal": {"type": "", "id": "x"}}, "principal.type"),
        ({"principal": "ada"}, "principal: found 'ada', expected an entity"),
        ({"principal": 'User::"a" || true'}, "principal: found"),
        ({"action": 'Deed::"send"'}, "action.type"),
        ({"more": 1}, "more: found 1"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(json.loads((SAMPLES / "request.json").read_text()) | change))
    with pytest.raises(InputError, match=r"request\.json") as caught:
        load_request(path)
    assert said in str(caught.value)


def test_entities_may_be_named_as_cedar_writes_them(tmp_path: Path) -> None:
    asked, world = tmp_path / "request.json", tmp_path / "entities.json"
    asked.write_text(
        json.dumps({"principal": r'User::"a\"da"', "action": 'Action::"read"', "resource": 'Org::Doc::"plan"'})
    )
    world.write_text(json.dumps([{"uid": 'User::"ada"', "parents": ['Team::"core"', {"type": "Team", "id": "staff"}]}]))
    request = load_request(asked)
    assert (request.principal, request.action) == (EntityUid("User", 'a"da'), "read")
    assert (request.resource, request.context) == (EntityUid("Org::Doc", "plan"), {})
    (entity,) = load_entities(world)
    assert (entity.uid, entity.parents) == (
        EntityUid("User", "ada"),
        (EntityUid("Team", "core"), EntityUid("Team", "staff")),
    )


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "entities.json"
    path.write_text('[{"uid": {"type": "A", "id": "b", "id": "c"}}]')
    with pytest.raises(InputError, match="'id' stands twice"):
        load_entities(path)
