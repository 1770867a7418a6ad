"""What does not fit the schema is told by its path, with what was found and what was expected."""

from dataclasses import replace

import pytest

from engine.digest import JSON
from engine.policy.facts import build_request
from engine.policy.misfits import Shapes
from engine.policy.model import Decision, Entity, EntityUid, Request, moment
from tests.unit.policy.conftest import Engine
from tests.unit.policy.worlds import NOON, PERMIT_ALL, Handoff

SCHEMA = """
entity Team;
entity User in [Team] {
  level: Long, active: Bool, boss?: User, hired?: datetime, home: {city: String, zip?: Long, geo: {lat: decimal}},
  tags: Set<String>, reports?: Set<User>, "odd name"?: String, seen?: Set<{place: String}>
};
entity Doc;
type Facts = { now: datetime, mtls: Bool, trip?: {days: Long} };
action read appliesTo { principal: [User], resource: [Doc], context: Facts };
action wipe appliesTo { principal: [User], resource: [Team] };
"""
HOME = {"city": "Bonn", "geo": {"lat": {"__extn": {"fn": "decimal", "arg": "50.7"}}}}
ADA = Entity(EntityUid("User", "ada"), {"level": 1, "active": True, "home": HOME, "tags": []})
REST = (Entity(EntityUid("Doc", "d")), Entity(EntityUid("Team", "t")))
ASKED = Request(ADA.uid, "read", EntityUid("Doc", "d"), {"mtls": True})


def decide(engine: Engine, ada: Entity = ADA, asked: Request = ASKED) -> Decision:
    return engine(PERMIT_ALL, schema=SCHEMA).decide(asked, (ada, *REST), NOON)


def with_attributes(**changes: JSON) -> Entity:
    changed = {**ADA.attributes, **changes}
    return replace(ADA, attributes={name: value for name, value in changed.items() if value is not None})


def test_the_world_of_these_stories_fits(engine: Engine) -> None:
    assert decide(engine).permitted


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"level": "high"}, 'User::"ada".level: found "high", expected Long'),
        ({"level": True}, 'User::"ada".level: found true, expected Long'),
        ({"level": 1.5}, 'User::"ada".level: found 1.5, expected Long'),
        ({"level": None}, 'User::"ada".level: it is missing, expected Long'),
        ({"levle": 3}, 'User::"ada".levle: the schema declares no such attribute'),
        ({"active": 1}, 'User::"ada".active: found 1, expected Bool'),
        ({"boss": "bea"}, 'User::"ada".boss: found "bea", expected User'),
        ({"boss": {"__entity": {"type": "Team", "id": "t"}}}, 'User::"ada".boss: found Team::"t", expected User'),
        ({"hired": 2020}, 'User::"ada".hired: found 2020, expected datetime'),
        ({"home": {**HOME, "city": 3}}, 'User::"ada".home.city: found 3, expected String'),
        ({"home": {**HOME, "street": "x"}}, 'User::"ada".home.street: the schema declares no such attribute'),
        ({"home": {**HOME, "geo": {}}}, 'User::"ada".home.geo.lat: it is missing, expected decimal'),
        ({"home": "Bonn"}, 'User::"ada".home: found "Bonn", expected {city: String,geo: {lat: decimal},zip?: Long}'),
        ({"tags": ["a", 2]}, 'User::"ada".tags[1]: found 2, expected String'),
        ({"tags": "a"}, 'User::"ada".tags: found "a", expected Set<String>'),
        ({"reports": [{"type": "Doc", "id": "d"}]}, 'User::"ada".reports[0]: found Doc::"d", expected User'),
        ({"odd name": 1}, 'User::"ada".odd name: found 1, expected String'),
        ({"\u202egnp": 1}, 'User::"ada".\\u{202e}gnp: the schema declares no such attribute'),
    ],
)
def test_an_attribute_that_does_not_fit_is_named(engine: Engine, changes: dict[str, JSON], told: str) -> None:
    decision = decide(engine, with_attributes(**changes))
    assert (decision.permitted, decision.failsafe) == (False, "entity-refused")
    assert told in decision.errors[0]
    assert decision.errors[0].count('User::"ada"') == told.count('User::"ada"')


def test_a_handoff_that_fits_has_no_misfits(handoff: Handoff) -> None:
    principal = handoff.directory.principal("ada@acme.example")
    assert principal is not None
    request, entities = build_request(
        "send", principal, handoff.directory, handoff.artifact, handoff.agreement, handoff.transfer
    )
    shapes = Shapes(handoff.engine.bundle.schema, handoff.engine.bundle.attributes)
    assert shapes.misfits_of(entities) == ()
    assert shapes.misfits_in({**request.context, "now": moment(NOON)}, "send") == ()


@pytest.mark.parametrize("name", ["", "\x07", 'a"] || principal has b', "\\"])
def test_a_name_that_is_no_name_is_told_all_the_same(engine: Engine, name: str) -> None:
    assert "the schema declares no such attribute" in decide(engine, with_attributes(**{name: 1})).errors[0]


def test_every_misfit_of_every_entity_is_named(engine: Engine) -> None:
    odd = with_attributes(level="x", active="y")
    decision = engine(PERMIT_ALL, schema=SCHEMA).decide(
        ASKED, (odd, Entity(EntityUid("Doc", "d"), {"size": 1}), REST[1]), NOON
    )
    (told,) = decision.errors
    assert all(each in told for each in ('"ada".level', '"ada".active', 'Doc::"d".size'))


def test_a_parent_the_schema_does_not_provide_for_is_named(engine: Engine) -> None:
    decision = decide(engine, replace(ADA, parents=(EntityUid("Team", "t"), EntityUid("Doc", "d"))))
    assert decision.failsafe == "entity-refused"
    assert 'User::"ada": it stands in Doc::"d", which the schema does not provide for' in decision.errors[0]
    assert "Team" not in decision.errors[0]


@pytest.mark.parametrize("kind", ["Robot", "no type", 'X::"y" || true || Z', ""])
def test_an_entity_of_no_known_type_is_named(engine: Engine, kind: str) -> None:
    robot = Entity(EntityUid(kind, "r2"))
    decision = engine(PERMIT_ALL, schema=SCHEMA).decide(replace(ASKED, principal=robot.uid), (robot, *REST), NOON)
    assert decision.failsafe == "entity-refused"
    assert f'{kind}::"r2": the schema declares no entity type {kind}' in decision.errors[0]


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"mtls": "yes"}, 'context.mtls: found "yes", expected Bool'),
        ({}, "context.mtls: it is missing, expected Bool"),
        ({"mtls": True, "color": "red"}, "context.color: the schema declares no such attribute"),
        ({"mtls": True, "trip": {"days": "3"}}, 'context.trip.days: found "3", expected Long'),
    ],
)
def test_a_fact_that_does_not_fit_is_named(engine: Engine, context: dict[str, JSON], told: str) -> None:
    decision = decide(engine, asked=replace(ASKED, context=context))
    assert (decision.permitted, decision.failsafe) == (False, "request-refused")
    assert decision.errors[1:] == (told,)


def test_what_is_wrong_with_none_of_the_facts_is_left_to_cedar(engine: Engine) -> None:
    decision = decide(engine, asked=Request(ADA.uid, "wipe", EntityUid("Doc", "d")))
    assert decision.failsafe == "request-refused"
    assert len(decision.errors) == 1
    odd = with_attributes(seen=[{"place": 3}])
    assert "given were" in decide(engine, odd).errors[0]
