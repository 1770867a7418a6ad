"""The four findings about Cedar that this room guards against. Each test shows the finding, then the guard."""

import json

import pytest
from cedarpy import Decision, Entities, PolicySet, Schema, is_authorized, validate_policies

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.guard import Raw, objection_to
from engine.policy.model import Answer, Entity, EntityUid, Request
from engine.policy.model import Decision as Decided
from tests.unit.policy.conftest import Engine, Folder
from tests.unit.policy.worlds import ADA, DOC, NOON, PERMIT_ALL, SCHEMA, WORLD, asking, rule

FORBID_EDIT = rule("no-edit", 'forbid (principal, action in Action::"edit", resource)')
NOBODY = EntityUid("User", "nobody")


def raw(
    policies: str | PolicySet, request: Request, entities: tuple[Entity, ...] = WORLD, *, schema: str = SCHEMA
) -> Decision:
    """What Cedar alone says, its entities built with `schema`, or without if that is empty."""
    store = Entities.from_json_str(json.dumps([each.to_json() for each in entities]), schema or None)
    asked = request.to_json()
    asked["context"] = {**request.context, "now": "2026-06-01T12:00:00Z"}
    return is_authorized(asked, policies, store, Schema.from_str(SCHEMA)).decision


def denied(decision: Decided, failsafe: str) -> bool:
    return (decision.decision, decision.failsafe) == (Answer.DENY, failsafe) and bool(decision.remedies)


# 1. Without a schema, entities have no action hierarchy, and a forbid on a group silently does not apply.


def test_a_forbid_on_a_group_holds_even_where_the_action_hierarchy_is_missing(folder: Folder) -> None:
    text = PERMIT_ALL + FORBID_EDIT
    assert raw(PolicySet.from_str(text), asking(), schema="") is Decision.Allow
    compiled = PolicyBundle.load(folder(text)).slices["write"].rules
    assert raw(compiled, asking(), schema="") is Decision.Deny


@pytest.mark.parametrize(
    "condition",
    [
        'action in Action::"edit"',
        'action in [Action::"edit"]',
        'action is Action in Action::"edit"',
        '(if principal.level > 1 then action else Action::"write") in Action::"edit"',
    ],
)
def test_a_group_asked_for_in_a_condition_is_refused(folder: Folder, condition: str) -> None:
    text = rule("hidden", f"forbid (principal, action, resource) when {{ {condition} }}")
    with pytest.raises(PolicyError, match=r"hidden: .* \(action-group-in-condition\)"):
        PolicyBundle.load(folder(PERMIT_ALL + text))


def test_a_single_action_may_be_asked_for_in_a_condition(folder: Folder) -> None:
    text = rule("named", 'forbid (principal, action, resource) when { action == Action::"write" && principal is User }')
    assert "named" in PolicyBundle.load(folder(text)).policies


def test_entities_that_do_not_fit_the_schema_are_denied(engine: Engine) -> None:
    shapeless = (Entity(ADA, {}), *WORLD[1:])
    assert raw(PERMIT_ALL, asking(), shapeless, schema="") is Decision.Allow
    assert denied(engine(PERMIT_ALL).decide(asking(), shapeless, NOON), "entity-refused")


# 2. Cedar skips a forbid that cannot be evaluated.


def test_a_forbid_that_overflows_denies(engine: Engine) -> None:
    text = PERMIT_ALL + rule(
        "overflow", "forbid (principal, action, resource) when { principal.level * 9223372036854775807 > 5 }"
    )
    assert raw(text, asking()) is Decision.Allow
    decision = engine(text).decide(asking(), WORLD, NOON)
    assert denied(decision, "forbid-errored")
    assert decision.raw == "Allow"
    (condition,) = decision.conditions
    assert (condition.policy, condition.holds) == ("overflow", None)
    assert condition.sentence == ("principal.level * 9223372036854775807 > 5 is an error with principal.level = 3")


def test_a_forbid_that_reads_somebody_unknown_denies(engine: Engine) -> None:
    text = PERMIT_ALL + rule("rank", "forbid (principal, action, resource) when { resource.owner.level > 5 }")
    orphan = (WORLD[0], Entity(DOC, {"owner": NOBODY.reference(), "title": "Plan"}), *WORLD[2:])
    assert raw(text, asking(), orphan) is Decision.Allow
    decision = engine(text).decide(asking(), orphan, NOON)
    assert denied(decision, "dangling-reference")
    assert decision.errors == ('nothing is known about User::"nobody"',)


def test_a_permit_that_cannot_be_evaluated_leaves_other_permits_alone(engine: Engine) -> None:
    text = PERMIT_ALL + rule(
        "overflow", "permit (principal, action, resource) when { principal.level * 9223372036854775807 > 5 }"
    )
    decision = engine(text).decide(asking(), WORLD, NOON)
    assert decision.permitted
    assert decision.reasons == ("allow",)
    assert len(decision.errors) == 1


def test_an_error_that_names_no_policy_of_ours_denies() -> None:
    for error in ("something went wrong", "error while evaluating policy `unheard-of`: no"):
        objection = objection_to(Raw("Allow", ("allow",), (error,)), {})
        assert objection is not None
        assert objection.code == "forbid-errored"


def test_no_decision_denies() -> None:
    objection = objection_to(Raw("NoDecision"), {})
    assert objection is not None
    assert objection.code == "request-refused"


# 3. cedarpy drops the validator's warnings.


@pytest.mark.parametrize(
    "condition",
    [
        "principal == resource",
        "false",
        "context has limit && context.limit > 1 && context has unheard",
        "principal.level > 1 && !(principal.level > 1)",
    ],
)
def test_a_policy_that_can_never_apply_is_refused(folder: Folder, condition: str) -> None:
    text = rule("idle", f"forbid (principal, action, resource) when {{ {condition} }}")
    assert validate_policies(text, SCHEMA).validation_passed
    with pytest.raises(PolicyError, match=r"policies.cedar:4:38: policy idle: .* \(policy-impossible\)"):
        PolicyBundle.load(folder(PERMIT_ALL + text))


def test_an_exception_that_swallows_its_own_rule_is_refused(folder: Folder) -> None:
    text = rule(
        "idle", "forbid (principal, action, resource) when { principal.level > 1 } unless { principal.level > 1 }"
    )
    with pytest.raises(PolicyError, match="policy-impossible"):
        PolicyBundle.load(folder(text))


@pytest.mark.parametrize(
    "condition",
    [
        'resource.title == "\u0430dmin"',
        'resource.title like "\u0430dmin*"',
        'resource.owner == User::"\u0430dmin"',
        'resource.title == "a\u202eb"',
        'resource.title == "a\u200bb"',
    ],
)
def test_text_that_reads_as_something_else_is_refused(folder: Folder, condition: str) -> None:
    text = rule("spoof", f"permit (principal, action, resource) when {{ {condition} }}")
    assert validate_policies(text, SCHEMA).validation_passed
    with pytest.raises(PolicyError, match="text-disguised"):
        PolicyBundle.load(folder(text))


def test_text_in_one_script_is_nobodys_disguise(folder: Folder) -> None:
    text = rule("greek", 'permit (principal, action, resource) when { resource.title == "Σχέδιο 7" }')
    assert "greek" in PolicyBundle.load(folder(text)).policies


def test_arithmetic_in_a_forbid_is_warned_about(folder: Folder) -> None:
    sum_ = "when { principal.level + 1 > 3 }"
    text = rule("risky", f"forbid (principal, action, resource) {sum_}") + rule(
        "fine", f"permit (principal, action, resource) {sum_}"
    )
    (warning,) = PolicyBundle.load(folder(text)).warnings
    assert (warning.code, warning.subject) == ("arithmetic-in-forbid", "policies.cedar:2:45")
    assert "principal.level + 1 can overflow" in warning.message


# 4. Policy ids are positions, and one @id may stand twice.


def test_two_policies_with_one_id_are_refused_and_both_named(folder: Folder) -> None:
    assert len(PolicySet.from_str(PERMIT_ALL + PERMIT_ALL)) == 2
    with pytest.raises(PolicyError, match=r"zz.cedar:1:1: policy allow: the @id stands at policies.cedar:1 already"):
        PolicyBundle.load(folder(PERMIT_ALL, files={"zz.cedar": PERMIT_ALL}))


def test_reasons_are_ids_whatever_stands_before_them(engine: Engine) -> None:
    alone = engine(PERMIT_ALL).decide(asking("read"), WORLD, NOON)
    behind = engine(FORBID_EDIT + PERMIT_ALL).decide(asking("read"), WORLD, NOON)
    assert alone.reasons == behind.reasons == ("allow",)
