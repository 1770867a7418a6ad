"""The decision record: bytes that must stay what docs/formats/decision.md says."""

import json
import re

from engine.digest import canonical, sha256
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import DECISION_FORMAT, Decision
from engine.policy.requests import load_entities, load_request
from tests.unit.policy.worlds import NOON, ROOT

GOLDEN = ROOT / "tests" / "golden" / "policy"
PAGE = (ROOT / "docs" / "formats" / "decision.md").read_text(encoding="utf-8")


def decided() -> Decision:
    engine = PolicyEngine(PolicyBundle.load(GOLDEN / "policies"))
    return engine.decide(load_request(GOLDEN / "request.json"), load_entities(GOLDEN / "entities.json"), NOON)


def test_the_golden_decision_is_made_again_byte_for_byte() -> None:
    decision = decided()
    assert decision.record == (GOLDEN / "decision.json").read_bytes()
    assert decision.because == ("deny-late",)


def test_the_page_shows_the_golden_decision() -> None:
    decision = decided()
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert canonical(json.loads(shown)) == decision.record
    assert decision.id in PAGE
    assert json.loads(shown)["format"] == DECISION_FORMAT


def test_the_page_explains_every_field() -> None:
    for field in json.loads(decided().record):
        assert f"| `{field}` |" in PAGE, field


def test_the_digests_are_the_ones_the_page_defines() -> None:
    record = json.loads(decided().record)
    schema = (GOLDEN / "policies" / "small.cedarschema").read_bytes()
    rules = (GOLDEN / "policies" / "small.cedar").read_bytes()
    assert record["schema"] == sha256(schema)
    assert record["policy"] == sha256(
        canonical(
            [
                {"path": "small.cedar", "sha256": sha256(rules)},
                {"path": "small.cedarschema", "sha256": sha256(schema)},
            ]
        )
    )
    user, doc, _ = json.loads((GOLDEN / "entities.json").read_text())
    assert record["entities"] == sha256(canonical([doc, user]))
