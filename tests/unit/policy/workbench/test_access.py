"""Who can do what: every answer with its reason, and no question that the schema does not know."""

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.policy.engine import PolicyEngine
from engine.policy.model import EntityUid
from engine.policy.workbench.access import access, everybody, everything
from engine.workspace.governing.access import who_can_by_files
from tests.unit.policy.workbench.test_replay import engine_of
from tests.unit.policy.worlds import ADA, DOC, NOON, ROOT, WORLD, rule

KNOWN = {entity.uid: entity for entity in WORLD}
STAFF_WRITE = rule("staff", 'permit (principal in Team::"staff", action == Action::"write", resource)')
SAMPLES = ROOT / "samples" / "request"


@pytest.fixture
def engine(tmp_path: Path) -> PolicyEngine:
    return engine_of(tmp_path, STAFF_WRITE)


def test_whoever_can_and_cannot_is_told_with_what_decides(engine: PolicyEngine) -> None:
    zoe = EntityUid("User", "zoe")
    world = KNOWN | {zoe: type(KNOWN[ADA])(zoe, {"level": 1})}

    answers = {each.request.principal: each for each in access(engine, everybody("write", DOC, world, {}), NOON)}

    assert (answers[ADA].decision.permitted, answers[ADA].why) == (True, "staff")
    assert not answers[zoe].decision.permitted
    assert 'principal in Team::"staff" is false' in answers[zoe].why


def test_what_is_no_principal_is_not_asked_about(engine: PolicyEngine) -> None:
    answers = access(engine, everybody("write", DOC, KNOWN, {}), NOON)

    assert [each.request.principal for each in answers if each.asks] == [ADA]


def test_everything_somebody_can_do_is_asked(engine: PolicyEngine) -> None:
    answers = access(engine, everything(engine, ADA, KNOWN, {}), NOON)

    asked = {(each.request.action, each.decision.permitted) for each in answers if each.asks}
    assert asked == {("write", True), ("erase", False), ("read", False)}


def test_an_action_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="no action 'fly'"):
        who_can_by_files(ROOT / "policies", SAMPLES / "entities.json", None, "fly", 'Organization::"acme.example"')


def test_facts_that_fit_no_request_are_an_error_and_not_a_denial() -> None:
    with pytest.raises(UsageError, match="fit no such request"):
        who_can_by_files(ROOT / "policies", SAMPLES / "entities.json", None, "send", 'Organization::"acme.example"')
