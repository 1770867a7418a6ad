"""Deciding: permits, denials, and everything that must never become a permit."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.digest import JSON, parse_canonical, sha256
from engine.policy.model import Answer, Decision, Entity, EntityUid, Request
from tests.unit.policy.conftest import Engine
from tests.unit.policy.worlds import ADA, DOC, NOON, PERMIT_ALL, WORLD, asking, rule

TEAM_ONLY = rule("team", 'permit (principal in Team::"staff", action, resource)')
NEEDS_APPROVAL = '@obligation("approval") ' + rule("approval-first", "forbid (principal, action, resource)")


def record(decision: Decision) -> dict[str, JSON]:
    parsed = parse_canonical(decision.record, what="the record", limit=1 << 20)
    assert isinstance(parsed, dict)
    return parsed


def failsafe(decision: Decision) -> str | None:
    assert decision.decision is Answer.DENY
    assert decision.remedies
    assert record(decision)["failsafe"] == decision.failsafe
    return decision.failsafe


def test_a_permit_names_the_policy_that_gave_it(engine: Engine) -> None:
    decision = engine(TEAM_ONLY).decide(asking(), WORLD, NOON)
    assert decision.permitted
    assert decision.because == ("team",)
    assert (decision.raw, decision.failsafe, decision.conditions) == ("Allow", None, ())


def test_without_a_permit_the_answer_is_no(engine: Engine) -> None:
    decision = engine(rule("others", 'permit (principal == User::"bea", action, resource)')).decide(
        asking(), WORLD, NOON
    )
    assert decision.because == ("no-permit",)
    assert decision.remedies == ("Do others.",)


def test_an_action_without_any_permit_says_whom_to_ask(engine: Engine) -> None:
    decision = engine(rule("reading", 'permit (principal, action == Action::"read", resource)')).decide(
        asking(), WORLD, NOON
    )
    assert decision.conditions == ()
    assert "ask whoever keeps the policies" in decision.remedies[0]


def test_deciding_again_gives_the_same_bytes(engine: Engine) -> None:
    judge = engine(TEAM_ONLY)
    first, again = (judge.decide(asking(limit=1), WORLD, NOON) for _ in range(2))
    assert first == again
    assert first.id == sha256(first.record)[:32]
    assert judge.decide(asking(limit=2), WORLD, NOON).id != first.id


def test_the_record_says_what_was_asked_and_what_was_reached(engine: Engine) -> None:
    judge = engine(TEAM_ONLY)
    written = record(judge.decide(asking(limit=1), WORLD, NOON))
    assert written["request"] == asking(limit=1).to_json()
    assert (written["time"], written["policy"]) == ("2026-06-01T12:00:00.000Z", judge.bundle.digest)
    stranger = Entity(EntityUid("User", "zoe"), {"level": 1})
    assert record(judge.decide(asking(limit=1), (*WORLD, stranger), NOON)) == written


def test_the_clock_is_the_engines(engine: Engine) -> None:
    text = rule("today", 'permit (principal, action, resource) when { context.now < datetime("2026-06-02") }')
    judge = engine(text)
    assert judge.decide(asking(), WORLD, NOON).permitted
    assert not judge.decide(asking(), WORLD, NOON + timedelta(days=1)).permitted
    assert failsafe(judge.decide(asking(now="2020-01-01T00:00:00Z"), WORLD, NOON)) == "clock-supplied"


def test_the_clock_has_a_zone(engine: Engine) -> None:
    judge = engine(PERMIT_ALL)
    assert failsafe(judge.decide(asking(), WORLD, datetime(2026, 6, 1))) == "clock-without-zone"  # noqa: DTZ001
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert judge.decide(asking(), WORLD, east).record == judge.decide(asking(), WORLD, NOON).record


def test_an_action_the_schema_does_not_know(engine: Engine) -> None:
    assert failsafe(engine(PERMIT_ALL).decide(asking("publish"), WORLD, NOON)) == "unknown-action"


def test_a_group_is_no_action_to_ask_for(engine: Engine) -> None:
    assert failsafe(engine(PERMIT_ALL).decide(asking("edit"), WORLD, NOON)) == "request-refused"


def test_an_entity_given_twice(engine: Engine) -> None:
    twice = (*WORLD, Entity(ADA, {"level": 9}))
    assert failsafe(engine(PERMIT_ALL).decide(asking(), twice, NOON)) == "duplicate-entity"


@pytest.mark.parametrize("missing", [ADA, DOC, EntityUid("Team", "core"), EntityUid("Team", "staff")])
def test_a_principal_resource_or_parent_nobody_knows(engine: Engine, missing: EntityUid) -> None:
    rest = tuple(entity for entity in WORLD if entity.uid != missing)
    decision = engine(PERMIT_ALL).decide(asking(), rest, NOON)
    assert failsafe(decision) == "dangling-reference"
    assert str(missing) in decision.errors[0]


@pytest.mark.parametrize(
    "boss",
    [
        {"__entity": {"type": "User", "id": "ghost"}},
        {"type": "User", "id": "ghost"},
        {"type": "User", "id": "ghost", "more": 1},
    ],
)
def test_a_reference_is_found_however_it_is_written(engine: Engine, boss: JSON) -> None:
    world = (Entity(ADA, {"level": 3, "boss": boss}, WORLD[0].parents), *WORLD[1:])
    assert failsafe(engine(PERMIT_ALL).decide(asking(), world, NOON)) == "dangling-reference"


def test_people_who_are_each_others_boss_end_somewhere(engine: Engine) -> None:
    bea = EntityUid("User", "bea")
    world = (
        Entity(ADA, {"level": 3, "boss": bea.reference()}, WORLD[0].parents),
        Entity(bea, {"level": 2, "boss": ADA.reference()}),
        *WORLD[1:],
    )
    assert engine(PERMIT_ALL).decide(asking(), world, NOON).permitted


def test_an_entity_that_only_a_policy_names_is_reached(engine: Engine) -> None:
    text = PERMIT_ALL + rule("chief", 'forbid (principal, action, resource) when { User::"chief".level < 5 }')
    judge = engine(text)
    chief = EntityUid("User", "chief")
    assert judge.decide(asking(), (*WORLD, Entity(chief, {"level": 1})), NOON).because == ("chief",)
    assert judge.decide(asking(), (*WORLD, Entity(chief, {"level": 5})), NOON).permitted
    assert failsafe(judge.decide(asking(), WORLD, NOON)) == "forbid-errored"


@pytest.mark.parametrize("context", [{"limit": "much"}, {"limit": 1.5}, {"unheard": 1}, {"limit": 2**63}])
def test_facts_that_do_not_fit_the_schema(engine: Engine, context: dict[str, JSON]) -> None:
    assert failsafe(engine(PERMIT_ALL).decide(asking(**context), WORLD, NOON)) == "request-refused"


@pytest.mark.parametrize("limit", [float("nan"), 2**53, "\ud800", {1, 2}])
def test_facts_without_a_canonical_form_deny_and_leave_the_records_request_empty(engine: Engine, limit: object) -> None:
    decision = engine(PERMIT_ALL).decide(asking(limit=limit), WORLD, NOON)
    assert failsafe(decision) is not None
    assert record(decision)["request"] is None


def test_an_entity_without_a_canonical_form(engine: Engine) -> None:
    world = (Entity(ADA, {"level": 2**53}, WORLD[0].parents), *WORLD[1:])
    assert failsafe(engine(PERMIT_ALL).decide(asking(), world, NOON)) == "entity-refused"


def test_whatever_else_goes_wrong_is_a_denial(engine: Engine) -> None:
    def entities() -> Iterator[Entity]:
        yield WORLD[0]
        raise RuntimeError("the directory is on fire\x1b[2J")

    decision = engine(PERMIT_ALL).decide(asking(), entities(), NOON)
    assert failsafe(decision) == "engine-error"
    assert decision.errors == (r"RuntimeError: the directory is on fire\u{1b}[2J",)


def test_a_forbid_that_only_waits_for_an_approval_says_so(engine: Engine) -> None:
    decision = engine(PERMIT_ALL + NEEDS_APPROVAL).decide(asking(), WORLD, NOON)
    assert (decision.permitted, decision.obligations) == (False, ("approval",))


def test_an_approval_is_not_promised_where_something_else_forbids(engine: Engine) -> None:
    text = PERMIT_ALL + NEEDS_APPROVAL + rule("never", "forbid (principal, action, resource)")
    assert engine(text).decide(asking(), WORLD, NOON).obligations == ()


def test_an_approval_is_not_promised_where_nothing_permits(engine: Engine) -> None:
    text = rule("others", 'permit (principal == User::"bea", action, resource)') + NEEDS_APPROVAL
    assert engine(text).decide(asking(), WORLD, NOON).obligations == ()


def test_an_approval_is_not_promised_where_a_forbid_cannot_be_evaluated(engine: Engine) -> None:
    text = rule("overflow", "forbid (principal, action, resource) when { principal.level * 9223372036854775807 > 5 }")
    decision = engine(PERMIT_ALL + NEEDS_APPROVAL + text).decide(asking(), WORLD, NOON)
    assert (decision.because, decision.obligations) == (("approval-first",), ())


def test_a_permit_may_ask_for_more(engine: Engine) -> None:
    decision = engine(f'@obligation("approval") {PERMIT_ALL}').decide(asking(), WORLD, NOON)
    assert (decision.permitted, decision.obligations) == (True, ("approval",))


def test_a_partner_learns_only_what_a_policy_discloses(engine: Engine) -> None:
    text = '@disclose("partner") ' + rule("open", "forbid (principal, action, resource)")
    decision = engine(PERMIT_ALL + text + rule("secret", "forbid (principal, action, resource)")).decide(
        asking(), WORLD, NOON
    )
    assert decision.reasons == ("open", "secret")
    assert decision.disclosed == ("open",)


def test_several_threads_get_the_answers_one_gets(engine: Engine) -> None:
    judge = engine(
        TEAM_ONLY + rule("low", "forbid (principal, action, resource) when { context has limit && context.limit < 5 }")
    )
    alone = [judge.decide(asking(limit=limit), WORLD, NOON) for limit in range(10)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda n: judge.decide(asking(limit=n % 10), WORLD, NOON), range(200)))
    assert together == alone * 20


def test_a_request_is_written_as_cedar_writes_it() -> None:
    request = Request(EntityUid("User", 'a"b'), "send", EntityUid("Artifact", "é"))
    assert str(request.principal) == 'User::"a\\"b"'
    assert str(request.resource) == 'Artifact::"é"'
    assert json.loads(json.dumps(request.to_json()))["action"] == {"type": "Action", "id": "send"}


def test_time_is_cut_to_milliseconds(engine: Engine) -> None:
    late = datetime(2026, 6, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    assert record(engine(PERMIT_ALL).decide(asking(), WORLD, late))["time"] == "2026-06-01T23:59:59.999Z"


def test_many_requests_are_decided_in_their_order_and_each_by_itself(engine: Engine) -> None:
    judge = engine(
        TEAM_ONLY
        + rule("low", "forbid (principal, action, resource) when { context has limit && context.limit * 4096 < 9 }")
    )
    asked = [
        asking(limit=7),
        asking(limit=0),
        asking(limit=2**53 - 1),
        asking(limit=2**60),
        asking("publish"),
        asking("read", limit=1),
        asking(now=1),
        asking(),
    ]
    everything = [*((each, WORLD, NOON) for each in asked), (asking(), WORLD[:1], NOON), (asking(), iter(WORLD), NOON)]
    decisions = judge.decide_many(everything[:-1])
    assert decisions == [judge.decide(*each) for each in everything[:-1]]
    assert judge.decide_many(everything[-1:]) == decisions[-2:-1]
    failsafes = {"forbid-errored", "unknown-action", "clock-supplied", "dangling-reference"}
    assert {each.failsafe for each in decisions} == failsafes | {None}
    assert judge.decide_many([]) == []
