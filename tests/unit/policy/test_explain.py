"""What a denial says: the policy, the condition with its values, the remedy."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cedarpy import pst

from engine.digest import JSON
from engine.policy.model import Decision, moment
from engine.policy.values import Facts
from tests.unit.policy.conftest import Engine
from tests.unit.policy.worlds import ADA, DOC, NOON, PERMIT_ALL, WORLD, Handoff, asking, rule


def told(decision: Decision) -> list[tuple[str, str]]:
    """Policy and sentence of each condition."""
    assert not decision.permitted
    assert decision.remedies
    return [(condition.policy, condition.sentence) for condition in decision.conditions]


def test_a_handoff_in_order_is_permitted(handoff: Handoff) -> None:
    assert handoff.decide("initiate").because == ("send-own",)
    assert handoff.decide("send").because == ("send-own",)


def test_after_its_end_an_agreement_denies_with_both_times(handoff: Handoff) -> None:
    decision = handoff.decide(now=datetime(2027, 1, 2, tzinfo=UTC))
    assert decision.because == ("deny-agreement-window",)
    (condition,) = decision.conditions
    assert condition.text == "context.now < context.agreement.expires"
    assert condition.holds is False
    assert condition.values == {
        "context.now": "2027-01-02T00:00:00.000Z",
        "context.agreement.expires": "2027-01-01T00:00:00.000Z",
    }
    assert condition.remedy.startswith("Agree on a new period")
    assert decision.remedies == (condition.remedy,)
    assert decision.disclosed == ("deny-agreement-window",)


def test_before_its_beginning_an_agreement_denies_with_both_times(handoff: Handoff) -> None:
    assert told(handoff.decide(now=datetime(2025, 12, 31, tzinfo=UTC))) == [
        (
            "deny-agreement-window",
            (
                "context.agreement.effective <= context.now is false with "
                "context.agreement.effective = 2026-01-01T00:00:00.000Z, context.now = 2025-12-31T00:00:00.000Z"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("story", "policy", "sentence"),
    [
        (
            lambda h: h.change("transfer", destination_region="CN"),
            "deny-destination",
            (
                "context.agreement.destinations.contains(context.transfer.region) is false with "
                "context.agreement.destinations = [EU, US], context.transfer.region = CN"
            ),
        ),
        (
            lambda h: h.change("artifact", residency=("EU",)),
            "deny-residency",
            (
                "resource.residency.contains(context.transfer.region) is false with "
                "resource.residency = [EU], context.transfer.region = US"
            ),
        ),
        (lambda h: h.change("artifact", quarantined=True), "deny-quarantined", "resource.quarantined is true"),
        (lambda h: h.change("transfer", mtls=False), "deny-no-mtls", "context.transfer.mtls is false"),
        (lambda h: h.change("artifact", signed=False), "deny-unsigned-artifact", "resource.signed is false"),
        (
            lambda h: h.change("transfer", purpose="marketing"),
            "deny-purpose",
            (
                "context.agreement.purposes.contains(context.purpose) is false with "
                "context.agreement.purposes = [evaluation], context.purpose = marketing"
            ),
        ),
        (
            lambda h: h.change("agreement", max_sensitivity=0),
            "deny-too-sensitive",
            (
                "resource.sensitivity <= context.agreement.maxSensitivity is false with "
                "resource.sensitivity = 1, context.agreement.maxSensitivity = 0"
            ),
        ),
        (
            lambda h: h.change("agreement", signed_by_consumer=False, in_force=False),
            "deny-agreement-unsigned",
            "context.agreement.signedByConsumer is false",
        ),
    ],
)
def test_each_rule_says_what_it_looked_at(
    handoff: Handoff, story: Callable[[Handoff], Handoff], policy: str, sentence: str
) -> None:
    assert told(story(handoff).decide()) == [(policy, sentence)]


def test_a_failed_preflight_names_the_checks(handoff: Handoff) -> None:
    handoff.change("transfer", preflight_passed=False, preflight_failed=("digest-mismatch", "agreement-format"))
    sentences = [sentence for _, sentence in told(handoff.decide())]
    assert sentences == [
        "context.transfer.preflightPassed is false",
        (
            "context.transfer.preflightFailed.isEmpty() is false with "
            "context.transfer.preflightFailed = [agreement-format, digest-mismatch]"
        ),
    ]


def test_a_controlled_artifact_says_its_class_and_both_places(handoff: Handoff) -> None:
    handoff.change("artifact", export_class="4E091", jurisdiction="EU")
    assert told(handoff.decide()) == [
        (
            "deny-export-control",
            (
                "context.transfer.region == resource.jurisdiction is false with "
                "context.transfer.region = US, resource.jurisdiction = EU"
            ),
        ),
        (
            "deny-export-control",
            '!["EAR99", "none"].contains(resource.exportClass) is true with resource.exportClass = 4E091',
        ),
    ]


def test_a_confidential_artifact_waits_for_a_second_person(handoff: Handoff) -> None:
    decision = handoff.change("artifact", sensitivity=2).decide()
    assert decision.obligations == ("approval",)
    assert told(decision) == [
        ("require-approval", "context.transfer.approved is false"),
        ("require-approval", "resource.sensitivity >= 2 is true with resource.sensitivity = 2"),
    ]


def test_an_approval_by_who_started_it_names_both(handoff: Handoff) -> None:
    handoff.change("artifact", sensitivity=2).change("transfer", approved=True, approver="ada@acme.example")
    assert told(handoff.decide())[0] == (
        "require-approval",
        (
            "context.transfer.approver != context.transfer.initiator is false with "
            "context.transfer.approver = ada@acme.example, context.transfer.initiator = ada@acme.example"
        ),
    )


def test_without_a_permit_the_nearest_one_tells_what_it_lacks(handoff: Handoff) -> None:
    decision = handoff.decide(who="abe@acme.example")
    assert decision.because == ("no-permit",)
    assert told(decision) == [
        (
            "send-own",
            (
                'principal in Role::"sender" is false with principal = User::"abe@acme.example", '
                'principal in = [Role::"administrator", Role::"approver"]'
            ),
        )
    ]
    assert decision.remedies[0].startswith("Let a person with the role sender")


def test_a_person_outside_the_owner_is_told_which_organization_counts(handoff: Handoff) -> None:
    handoff.change("artifact", owner_org="borealis.example")
    decision = handoff.decide("initiate")
    assert decision.because == ("no-permit",)
    assert told(decision) == [
        (
            "send-own",
            (
                "principal.organization == resource.owner is false with "
                'principal.organization = Organization::"acme.example", '
                'resource.owner = Organization::"borealis.example"'
            ),
        )
    ]


def test_an_exception_that_keeps_a_permit_away_is_told_as_true(engine: Engine) -> None:
    text = rule("low", "permit (principal, action, resource) unless { principal.level > 1 && principal.level < 9 }")
    assert told(engine(text).decide(asking(), WORLD, NOON)) == [
        ("low", "principal.level > 1 is true with principal.level = 3"),
        ("low", "principal.level < 9 is true with principal.level = 3"),
    ]


def test_conditions_behind_a_missing_fact_are_not_told(engine: Engine) -> None:
    text = rule("limit", "permit (principal, action, resource) when { context has limit && context.limit > 5 }")
    assert told(engine(text).decide(asking(), WORLD, NOON)) == [("limit", "context has limit is false")]


def test_a_forbid_without_any_condition_is_told_by_whom_it_is_about(engine: Engine) -> None:
    text = PERMIT_ALL + rule("core", 'forbid (principal is User in Team::"core", action, resource == Doc::"plan")')
    assert [sentence for _, sentence in told(engine(text).decide(asking(), WORLD, NOON))] == [
        'principal is User is true with principal = User::"ada"',
        (
            'principal in Team::"core" is true with principal = User::"ada", '
            'principal in = [Team::"core", Team::"staff"]'
        ),
        'resource == Doc::"plan" is true with resource = Doc::"plan"',
    ]


def test_a_forbid_on_everything_has_nothing_to_tell_but_its_remedy(engine: Engine) -> None:
    decision = engine(PERMIT_ALL + rule("closed", "forbid (principal, action, resource)")).decide(asking(), WORLD, NOON)
    assert decision.because == ("closed",)
    assert decision.conditions == ()
    assert decision.remedies == ("Do closed.",)


def test_the_permit_that_comes_closest_is_the_nearest(engine: Engine) -> None:
    text = (
        rule("far", 'permit (principal, action, resource) when { principal.level > 9 && resource.title == "x" }')
        + rule("near", 'permit (principal, action, resource) when { principal.level > 9 && resource.title == "Plan" }')
        + rule("bare", "permit (principal, action, resource) when { principal.level > 9 }")
    )
    decision = engine(text).decide(asking(), WORLD, NOON)
    assert [condition.policy for condition in decision.conditions] == ["near"]


def test_values_are_found_in_every_kind_of_condition(engine: Engine) -> None:
    text = rule(
        "all",
        "permit (principal, action, resource) when { "
        '(if resource.title like "Q*" then principal.level > 1 else resource.owner.level > 7) || '
        '[resource.title].contains("R") || { name: resource.title }.name == "S" || '
        "(principal is User in resource.owner && principal != principal) }",
    )
    (condition,) = engine(text).decide(asking(), WORLD, NOON).conditions
    assert condition.values == {
        "resource.title": "Plan",
        "principal.level": 3,
        "resource.owner.level": 3,
        "resource.owner": 'User::"ada"',
        "principal": 'User::"ada"',
        "principal in": ['Team::"core"', 'Team::"staff"'],
    }


def test_what_a_partner_wrote_reaches_no_terminal_unescaped(handoff: Handoff) -> None:
    (condition,) = handoff.change("transfer", purpose="\x1b[2Jevaluation\u202e").decide().conditions
    assert condition.sentence.endswith(r"context.purpose = \u{1b}[2Jevaluation\u{202e}")
    assert condition.values["context.purpose"] == "\x1b[2Jevaluation\u202e"


def test_values_are_shown_in_their_simplest_form() -> None:
    context: dict[str, JSON] = {
        "who": ADA.reference(),
        "plain": ADA.to_json(),
        "when": moment(NOON),
        "short": {"fn": "decimal", "arg": "1.5"},
        "record": {"a": 1},
        "mixed": [{"a": 1}, DOC.reference(), "b"],
    }
    facts = Facts(asking(), context, {})
    paths = [pst.GetAttr(pst.Var("context"), name) for name in (*context, "missing")]
    assert facts.seen_by(pst.Set(tuple(paths))) == {
        "context.who": 'User::"ada"',
        "context.plain": 'User::"ada"',
        "context.when": "2026-06-01T12:00:00.000Z",
        "context.short": "1.5",
        "context.mixed": ['Doc::"plan"', "b"],
        "context.missing": None,
    }


def test_a_condition_is_kept_as_json(handoff: Handoff) -> None:
    (condition,) = handoff.change("transfer", destination_region="CN").decide().conditions
    assert condition.to_json() == {
        "policy": "deny-destination",
        "condition": "context.agreement.destinations.contains(context.transfer.region)",
        "holds": False,
        "values": {"context.agreement.destinations": ["EU", "US"], "context.transfer.region": "CN"},
        "remedy": "Send to a region that the agreement names, or agree on this one.",
    }


@pytest.mark.parametrize(
    "second",
    ['User::"ghost".level > 1', "principal.level > 9"],
    ids=["one cannot be evaluated", "both are false"],
)
def test_of_two_permits_equally_near_explaining_and_deciding_tell_the_same(engine: Engine, second: str) -> None:
    lacking = engine(
        rule("zeta", "permit (principal, action, resource) when { principal.level > 9 }")
        + rule("alpha", f"permit (principal, action, resource) when {{ {second} }}")
    )

    decided, explained = lacking.decide(asking(), WORLD, NOON), lacking.explain(asking(), WORLD, NOON)

    assert explained.decision == decided
    assert [each.policy for each in decided.conditions] == [each.policy.id for each in explained.accounts] == ["zeta"]
