"""Facts in a request: everything the schema demands, nothing that was not verified."""

from dataclasses import replace

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory
from engine.policy.engine import PolicyEngine
from engine.policy.facts import build_request
from engine.policy.model import EntityUid
from tests.unit.policy.worlds import NOON, Handoff

ADA = EntityUid("User", "ada@acme.example")
GATEWAY = EntityUid("Service", "spiffe://acme.example/gateway")


def test_the_clock_is_not_among_the_facts(handoff: Handoff) -> None:
    request, _ = build_request("send", ADA, handoff.directory, handoff.artifact, handoff.agreement, handoff.transfer)
    assert set(request.context) == {"purpose", "agreement", "transfer"}


def test_what_nobody_declared_is_left_out(handoff: Handoff) -> None:
    assert set(handoff.artifact.attributes()) == {
        "name",
        "version",
        "owner",
        "sensitivity",
        "quarantined",
        "signed",
    }
    declared = replace(handoff.artifact, project="risk", jurisdiction="DE", export_class="EAR99", residency=("EU",))
    assert set(declared.attributes()) - set(handoff.artifact.attributes()) == {
        "project",
        "jurisdiction",
        "exportClass",
        "residency",
    }


def test_everything_a_request_refers_to_comes_with_it(handoff: Handoff) -> None:
    handoff.change("artifact", project="risk").change("transfer", destination_org="cirrus.example")
    request, entities = build_request(
        "send",
        ADA,
        handoff.directory,
        handoff.artifact,
        handoff.agreement,
        handoff.transfer,
        received_under=replace(handoff.agreement, provider="delta.example", consumer="acme.example"),
    )
    assert "receivedUnder" in request.context
    decision = handoff.engine.decide(request, entities, NOON)
    assert decision.failsafe is None
    assert decision.because == ("deny-other-consumer",)


def test_each_entity_comes_once(handoff: Handoff) -> None:
    handoff.change("artifact", project="risk")
    _, entities = build_request("send", ADA, handoff.directory, handoff.artifact, handoff.agreement, handoff.transfer)
    assert len({entity.uid for entity in entities}) == len(entities)


@pytest.mark.parametrize("action", ["view", "copy", "execute", "deploy"])
def test_using_ones_own_artifact_needs_no_agreement(handoff: Handoff, action: str) -> None:
    request, entities = build_request(action, ADA, handoff.directory, handoff.artifact)
    assert handoff.engine.decide(request, entities, NOON).because == ("use-own",)


def test_using_what_was_received_says_what_for(handoff: Handoff) -> None:
    handoff.change("artifact", owner_org="borealis.example")
    handoff.change("agreement", provider="borealis.example", consumer="acme.example")
    parts = (handoff.directory, handoff.artifact, handoff.agreement)
    request, entities = build_request("copy", ADA, *parts, purpose="evaluation")
    assert handoff.engine.decide(request, entities, NOON).because == ("consume-received",)
    request, entities = build_request("copy", ADA, *parts)
    assert handoff.engine.decide(request, entities, NOON).because == ("deny-use-without-purpose",)


def test_without_an_artifact_it_is_about_the_organization(starter: PolicyBundle, acme: Directory) -> None:
    request, entities = build_request("administer", EntityUid("User", "abe@acme.example"), acme)
    assert request.resource == EntityUid("Organization", "acme.example")
    assert PolicyEngine(starter).decide(request, entities, NOON).because == ("administer-own",)


def test_the_gateway_receives(handoff: Handoff) -> None:
    handoff.change("artifact", owner_org="borealis.example")
    handoff.change("agreement", provider="borealis.example", consumer="acme.example")
    handoff.change("transfer", destination_org="acme.example")
    assert handoff.decide("receive", who=GATEWAY.id).because == ("receive-from-owner",)
    assert handoff.decide("receive").because == ("no-permit",)


def test_a_transfer_without_an_agreement_is_refused(handoff: Handoff) -> None:
    request, entities = build_request("send", ADA, handoff.directory, handoff.artifact, None, handoff.transfer)
    decision = handoff.engine.decide(request, entities, NOON)
    assert decision.because == ("request-refused",)
    assert "`agreement`" in decision.errors[0]


def test_somebody_the_directory_does_not_know_is_denied(handoff: Handoff) -> None:
    decision = handoff.decide(who="eve@acme.example")
    assert decision.because == ("dangling-reference",)
    assert "directory.yaml" in decision.remedies[0]
