"""Two worlds to decide in: a small one of users and documents, and a handoff under the starter policies."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory
from engine.policy.engine import PolicyEngine
from engine.policy.facts import AgreementFacts, ArtifactFacts, TransferFacts, build_request
from engine.policy.model import Decision, Entity, EntityUid, Request

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

SCHEMA = """
entity Team in [Team];
entity User in [Team] { level: Long, boss?: User };
entity Doc { owner: User, title: String };
type Facts = { now: datetime, limit?: Long };
action edit;
action write, erase in [edit] appliesTo { principal: [User], resource: [Doc], context: Facts };
action read appliesTo { principal: [User], resource: [Doc], context: Facts };
"""
ADA, DOC = EntityUid("User", "ada"), EntityUid("Doc", "plan")
WORLD = (
    Entity(ADA, {"level": 3}, (EntityUid("Team", "core"),)),
    Entity(DOC, {"owner": ADA.reference(), "title": "Plan"}),
    Entity(EntityUid("Team", "core"), parents=(EntityUid("Team", "staff"),)),
    Entity(EntityUid("Team", "staff")),
)


def rule(id_: str, body: str) -> str:
    """A policy with the annotations every policy needs."""
    return f'@id("{id_}") @owner("tests") @remedy("Do {id_}.")\n{body};\n'


PERMIT_ALL = rule("allow", "permit (principal, action, resource)")


def asking(action: str = "write", **context: Any) -> Request:
    """Ada wants to do something to the plan."""
    return Request(ADA, action, DOC, context)


class Handoff:
    """Ada hands an artifact to Borealis; stories change one fact and decide."""

    def __init__(self, bundle: PolicyBundle, directory: Directory) -> None:
        self.engine = PolicyEngine(bundle)
        self.directory = directory
        self.artifact = ArtifactFacts(
            root="5e" * 32,
            name="sentiment",
            version="3.1",
            owner_org="acme.example",
            sensitivity=1,
            quarantined=False,
            signed=True,
        )
        self.agreement = AgreementFacts(
            digest="6f" * 32,
            in_force=True,
            signed_by_provider=True,
            signed_by_consumer=True,
            purposes=("evaluation",),
            actions=("view", "copy"),
            destinations=("EU", "US"),
            max_sensitivity=2,
            onward_transfer=False,
            provider="acme.example",
            consumer="borealis.example",
            effective=datetime(2026, 1, 1, tzinfo=UTC),
            expires=datetime(2027, 1, 1, tzinfo=UTC),
        )
        self.transfer = TransferFacts(
            purpose="evaluation",
            destination_org="borealis.example",
            destination_region="US",
            initiator="ada@acme.example",
            mtls=True,
            zone="partner",
            preflight_passed=True,
        )

    def change(self, fact: str, **changes: Any) -> "Handoff":
        setattr(self, fact, replace(getattr(self, fact), **changes))
        return self

    def decide(self, action: str = "send", *, who: str = "ada@acme.example", now: datetime = NOON) -> Decision:
        principal = self.directory.principal(who) or EntityUid("User", who)
        request, entities = build_request(
            action, principal, self.directory, self.artifact, self.agreement, self.transfer
        )
        return self.engine.decide(request, entities, now)
