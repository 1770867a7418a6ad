"""Masked values decide, and stand in no record, no slice and no explanation."""

import json

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.mask import Mask
from engine.policy.recorded import RecordedDecision
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import NOON, PERMIT_ALL, WORLD, asking, rule

DENY = rule("deny-low", "forbid (principal, action, resource) when { principal.level < 7 && context.limit < 99 }")
MASK = Mask(["User.level", "context.limit"])


@pytest.fixture
def bundle(folder: Folder) -> PolicyBundle:
    text = DENY.replace("context.limit < 99", "context has limit && context.limit < 99")
    return PolicyBundle.load(folder(PERMIT_ALL + text))


def test_policy_decides_by_the_true_values(bundle: PolicyBundle) -> None:
    masked = PolicyEngine(bundle, mask=MASK).decide(asking(limit=42), WORLD, NOON)
    plain = PolicyEngine(bundle).decide(asking(limit=42), WORLD, NOON)

    assert (masked.decision, masked.reasons) == (plain.decision, plain.reasons)


def test_no_record_slice_or_sentence_has_them(bundle: PolicyBundle) -> None:
    decision = PolicyEngine(bundle, mask=MASK).decide(asking(limit=42), WORLD, NOON)

    record = json.loads(decision.record)
    assert record["masked"] == ["User.level", "context.limit"]
    assert record["request"]["context"]["limit"] == "masked"
    assert decision.slice is not None
    levels = [each["attrs"].get("level") for each in json.loads(decision.slice)]
    assert levels.count("masked") == 1
    assert 3 not in levels
    told = " ".join(condition.sentence for condition in decision.conditions)
    assert "42" not in told + decision.record.decode()
    assert "principal.level = masked" in told


def test_the_slice_is_named_by_its_masked_form_and_the_decision_says_why_it_is_not_replayed(
    bundle: PolicyBundle,
) -> None:
    decision = PolicyEngine(bundle, mask=MASK).decide(asking(limit=42), WORLD, NOON)

    kept = RecordedDecision.read(decision.id, decision.record, decision.slice)

    assert kept.lacks == "masked: User.level, context.limit"


def test_without_a_mask_records_are_as_they_were(bundle: PolicyBundle) -> None:
    assert "masked" not in json.loads(PolicyEngine(bundle).decide(asking(), WORLD, NOON).record)
