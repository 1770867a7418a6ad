"""What holds for any policies and any request: the guard only ever adds denials, and a slice decides like the whole."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from cedarpy import AuthzResult, Entities, PolicySet, Schema, is_authorized
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from engine.errors import PolicyError
from engine.policy.atoms import of_applied
from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory, load_directory
from engine.policy.engine import PolicyEngine
from engine.policy.facts import AgreementFacts, ArtifactFacts, TransferFacts, build_request
from engine.policy.model import Decision, Entity, EntityUid, Request, moment
from engine.policy.question import prepare
from engine.policy.recorded import RecordedDecision
from engine.policy.source import PolicySource, Statement
from engine.policy.workbench.replay import replay
from tests.unit.policy.worlds import ADA, DOC, NOON, ROOT, SCHEMA, rule

MANY = settings(max_examples=150)
ORGANIZATIONS = ("acme.example", "borealis.example", "cirrus.example")
STRANGERS = (Entity(EntityUid("User", "zoe"), {"level": 9}), Entity(EntityUid("Team", "far")))


@dataclass(frozen=True)
class Answers:
    """What Cedar alone says about everything at once, and what the engine says."""

    raw: AuthzResult
    decision: Decision

    @property
    def raw_reasons(self) -> set[str]:
        return set(self.raw.diagnostics.id_annotations_by_reason.values())


def ask(text: str, schema: str, request: Request, entities: tuple[Entity, ...], engine: PolicyEngine) -> Answers:
    """Ask Cedar with the whole text and every entity, and the engine with its slices."""
    parsed = Schema.from_str(schema)
    store = Entities.from_json_str(json.dumps([each.to_json() for each in entities]), parsed)
    asked = request.to_json() | {"context": {**request.context, "now": moment(NOON)}}
    raw = is_authorized(asked, PolicySet.from_str(text), store, parsed)
    return Answers(raw, engine.decide(request, entities, NOON))


# Any policies over a small world


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> str:
    """A condition; some overflow, some name somebody nobody knows, some lack their fact."""
    if depth and draw(st.booleans()):
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        return draw(st.sampled_from([f"({left} && {right})", f"({left} || {right})", f"!({left})"]))
    number = draw(st.sampled_from([0, 1, 2, 3, 5, 2**62, 2**63 - 1]))
    return draw(
        st.sampled_from(
            [
                f"principal.level > {number}",
                f"principal.level * {number} > 5",
                f"resource.owner.level + {number} == 3",
                f"(context has limit && context.limit - {number} < 0)",
                "(principal has boss && principal.boss.level > 1)",
                'User::"ghost".level > 1',
                'User::"zoe".level > 1',
                'principal in Team::"staff"',
                'resource.owner in Team::"core"',
                'resource.title like "P*"',
                'context.now < datetime("2027-01-01")',
            ]
        )
    )


PRINCIPALS = [
    "principal",
    "principal",
    'principal == User::"ada"',
    'principal == User::"zoe"',
    'principal in Team::"staff"',
    'principal in Team::"far"',
    'principal in Team::"unheard"',
    'principal is User in Team::"core"',
]
RESOURCES = ["resource", "resource", "resource is Doc", 'resource == Doc::"plan"', 'resource == Doc::"other"']


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A permit for everything, sometimes, and up to five more policies."""
    rules = [rule("all", "permit (principal, action, resource)")] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 5))):
        effect = draw(st.sampled_from(["permit", "forbid"]))
        action = draw(st.sampled_from(["action", 'action == Action::"write"', 'action in Action::"edit"']))
        clause = draw(st.sampled_from(["when", "unless"]))
        principal, resource = draw(st.sampled_from(PRINCIPALS)), draw(st.sampled_from(RESOURCES))
        rules.append(
            rule(f"p{number}", f"{effect} ({principal}, {action}, {resource}) {clause} {{ {draw(conditions())} }}")
        )
    return "".join(rules)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Entity, ...]:
    """Ada, her plan, her teams, and others who should not matter."""
    core, staff = EntityUid("Team", "core"), EntityUid("Team", "staff")
    boss = {"boss": EntityUid("User", "zoe").reference()} if draw(st.booleans()) else {}
    return (
        Entity(
            ADA, {"level": draw(st.sampled_from([0, 3, 2**53 - 1])), **boss}, (core,) if draw(st.booleans()) else ()
        ),
        Entity(DOC, {"owner": ADA.reference(), "title": draw(st.sampled_from(["Plan", "Note"]))}),
        Entity(core, parents=(staff,)),
        Entity(staff),
        *STRANGERS,
    )


requests = st.builds(
    Request,
    st.just(ADA),
    st.sampled_from(["write", "erase", "read"]),
    st.just(DOC),
    st.sampled_from([{}, {"limit": 0}, {"limit": -5}, {"limit": 2**53 - 1}]),
)
odd = st.sampled_from([{"limit": 2**60}, {"limit": 0.5}, {"now": 1}, {"other": 1}]).flatmap(
    lambda context: requests.map(lambda request: replace(request, context=context))
)


def compiled(text: str) -> PolicyEngine:
    statements = tuple(Statement("any.cedar", 1 + 2 * n, f"{each};") for n, each in enumerate(text.split(";\n")[:-1]))
    try:
        return PolicyEngine(PolicyBundle.compile(PolicySource(SCHEMA, "any.cedarschema", "", statements, "")))
    except PolicyError as error:
        assume("policy-impossible" not in str(error))
        raise


@MANY
@given(policies(), requests, worlds())
def test_the_guard_never_permits_what_cedar_denies(text: str, request: Request, world: tuple[Entity, ...]) -> None:
    answers = ask(text, SCHEMA, request, world, compiled(text))
    event(f"{answers.raw.decision.value}, {answers.decision.failsafe or answers.decision.decision.value}")
    if not answers.raw.allowed:
        assert not answers.decision.permitted


@MANY
@given(policies(), requests, worlds())
def test_slicing_changes_neither_the_answer_nor_its_reasons(
    text: str, request: Request, world: tuple[Entity, ...]
) -> None:
    answers = ask(text, SCHEMA, request, world, compiled(text))
    assert answers.decision.raw == answers.raw.decision.value
    if answers.decision.failsafe is None:
        assert set(answers.decision.reasons) == answers.raw_reasons
        assert len(answers.decision.errors) == len(answers.raw.diagnostics.errors)


@MANY
@given(policies(), requests, worlds())
def test_the_conditions_of_all_policies_recombine_to_what_cedar_decides(
    text: str, request: Request, world: tuple[Entity, ...]
) -> None:
    engine = compiled(text)
    explained = engine.explain(request, world, NOON)
    assert explained.decision == engine.decide(request, world, NOON)
    everything = explained.everything()
    assume(everything)
    applying = {each.policy.id for each in everything if each.applies}
    forbids = {each.policy.id for each in everything if each.policy.forbids}
    errored = {each.policy.id for each in everything if each.applies is None}
    assert {each.policy.id for each in explained.accounts} >= set(explained.decision.reasons)
    event(f"{len(errored)} errored")
    assert explained.decision.raw == ("Allow" if applying - forbids and not applying & forbids else "Deny")
    if explained.decision.failsafe is None:
        assert set(explained.decision.reasons) == (applying & forbids or applying - forbids)
    assert (explained.decision.failsafe == "forbid-errored") == (
        explained.decision.raw == "Allow" and bool(errored & forbids)
    )


@MANY
@given(policies(), st.lists(requests | odd, max_size=6), worlds(), worlds())
def test_many_at_once_are_answered_as_one_by_one(
    text: str, asked: list[Request], world: tuple[Entity, ...], other: tuple[Entity, ...]
) -> None:
    engine = compiled(text)
    everything = [(request, where, NOON) for request in asked for where in (world, other, world[:1])]
    verdicts = engine.answer_many(everything)
    decisions = [engine.decide(*each) for each in everything]
    assert engine.decide_many(everything) == decisions
    assert [(each.permitted, each.because, each.failsafe) for each in verdicts] == [
        (each.permitted, each.because, each.failsafe) for each in decisions
    ]


@MANY
@given(policies(), st.lists(st.tuples(requests | odd, worlds()), max_size=6))
def test_replaying_by_the_same_policies_changes_nothing(
    text: str, asked: list[tuple[Request, tuple[Entity, ...]]]
) -> None:
    engine = compiled(text)
    decided = [engine.decide(request, world, NOON) for request, world in asked]
    recorded = [RecordedDecision.read(each.id, each.record, each.slice) for each in decided]
    report = replay(recorded, compiled(text))
    event(f"{len(report.unrepeatable)} not repeatable")
    assert report.changes == []
    assert report.unchanged == report.decisions
    assert {id_ for id_, _ in report.unrepeatable} == {each.id for each in recorded if each.lacks}


@MANY
@given(policies(), requests, worlds())
def test_an_errored_forbid_always_denies(text: str, request: Request, world: tuple[Entity, ...]) -> None:
    engine = compiled(text)
    answers = ask(text, SCHEMA, request, world, engine)
    ids = list(engine.bundle.policies)
    errored = {ids[int(error.split("`")[1].removeprefix("policy"))] for error in answers.raw.diagnostics.errors}
    if any(engine.bundle.policies[id_].forbids for id_ in errored):
        event("a forbid errored")
        assert not answers.decision.permitted


@MANY
@given(policies(), requests, worlds())
def test_what_follows_of_conditions_is_what_cedar_says_of_them(
    text: str, request: Request, world: tuple[Entity, ...]
) -> None:
    engine = compiled(text)
    decision = engine.decide(request, world, NOON)
    assume(decision.reasons and decision.raw in {"Allow", "Deny"})
    question = prepare(engine.bundle, request, world, NOON)
    followed, told = question.of_applied(decision.reasons), question.explanation(decision.reasons)
    event(f"follows: {all(of_applied(engine.bundle.policies[id_].atoms) is not None for id_ in decision.reasons)}")
    assert followed.truth == told.truth


@MANY
@given(policies(), requests, worlds())
def test_every_condition_of_a_denial_stands_in_a_policy_that_made_it(
    text: str, request: Request, world: tuple[Entity, ...]
) -> None:
    engine = compiled(text)
    decision = engine.decide(request, world, NOON)
    assume(not decision.permitted and decision.failsafe is None)
    named = {condition.policy for condition in decision.conditions}
    if decision.reasons:
        assert named == set(decision.reasons)
    else:
        assert len(named) <= 1
        assert not any(engine.bundle.policies[id_].forbids for id_ in named)


# The starter policies, and any facts


@pytest.fixture(scope="module")
def starter() -> PolicyEngine:
    return PolicyEngine(PolicyBundle.load(ROOT / "policies"))


@pytest.fixture(scope="module")
def acme() -> Directory:
    return load_directory(ROOT / "samples" / "directory.yaml", "acme.example")


agreements = st.builds(
    AgreementFacts,
    digest=st.just("6f" * 32),
    in_force=st.booleans(),
    signed_by_provider=st.booleans(),
    signed_by_consumer=st.booleans(),
    purposes=st.sampled_from([("evaluation",), ("research",)]),
    actions=st.sampled_from([("view",), ("copy", "execute", "deploy")]),
    destinations=st.sampled_from([("EU",), ("US",)]),
    max_sensitivity=st.integers(0, 3),
    onward_transfer=st.booleans(),
    provider=st.sampled_from(ORGANIZATIONS),
    consumer=st.sampled_from(ORGANIZATIONS),
    effective=st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]),
    expires=st.sampled_from([datetime(2026, 5, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]),
)
artifacts = st.builds(
    ArtifactFacts,
    root=st.just("5e" * 32),
    name=st.just("sentiment"),
    version=st.just("1"),
    owner_org=st.sampled_from(ORGANIZATIONS),
    sensitivity=st.integers(0, 3),
    project=st.sampled_from([None, "risk", "other"]),
    jurisdiction=st.sampled_from([None, "EU"]),
    export_class=st.sampled_from([None, "EAR99", "4E091"]),
    residency=st.sampled_from([(), ("EU",)]),
    quarantined=st.booleans(),
    signed=st.booleans(),
)
transfers = st.builds(
    TransferFacts,
    purpose=st.sampled_from(["evaluation", "marketing"]),
    destination_org=st.sampled_from(ORGANIZATIONS),
    destination_region=st.sampled_from(["EU", "US"]),
    initiator=st.sampled_from(["ada@acme.example", "abe@acme.example"]),
    mtls=st.booleans(),
    preflight_passed=st.booleans(),
    preflight_failed=st.sampled_from([(), ("digest-mismatch",)]),
    approved=st.booleans(),
    approver=st.sampled_from([None, "ada@acme.example", "abe@acme.example"]),
)
ACTIONS = ["initiate", "send", "receive", "approve", "view", "copy", "execute", "deploy"]


@settings(max_examples=200)
@given(st.data())
def test_the_starter_policies_decide_like_cedar_alone_wherever_no_guard_speaks(
    starter: PolicyEngine, acme: Directory, data: st.DataObject
) -> None:
    action = data.draw(st.sampled_from(ACTIONS))
    agreement = data.draw(agreements)
    using = action in {"view", "copy", "execute", "deploy"}
    request, entities = build_request(
        action,
        data.draw(st.sampled_from([member.uid for member in acme.members])),
        acme,
        data.draw(artifacts),
        data.draw(st.sampled_from([agreement, None])) if using else agreement,
        None if using else data.draw(transfers),
        received_under=None if using else data.draw(st.none() | agreements),
        purpose=data.draw(st.sampled_from([None, "evaluation"])) if using else None,
    )
    text = "\n".join(path.read_text() for path in sorted((ROOT / "policies").glob("*.cedar")))
    schema = (ROOT / "policies" / "lading.cedarschema").read_text()
    answers = ask(text, schema, request, entities, starter)
    event(f"{action}: {answers.decision.decision.value}")
    assert answers.decision.failsafe is None
    assert answers.decision.raw == answers.raw.decision.value
    assert set(answers.decision.reasons) == answers.raw_reasons
    assert answers.decision.permitted == answers.raw.allowed
