"""What can be changed about a request, and by whom: edits of what is stated, and acts that make a fact true.

What stands in neither list is out of reach: the clock, identities, who owns what, who made which agreement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.digest import JSON

REQUESTER: Final = "the requester"
DIRECTORY: Final = "whoever keeps directory.yaml"
WITH_OWNER: Final = "the owner and whoever received it from them"
OWNER: Final = "the artifact's owner, in a new version"
PARTIES: Final = "both parties, in a new agreement"

EDITABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "context.purpose": REQUESTER,
        "context.transfer.region": REQUESTER,
        "context.transfer.destination": REQUESTER,
        "context.agreement.effective": PARTIES,
        "context.agreement.expires": PARTIES,
        "context.agreement.purposes": PARTIES,
        "context.agreement.actions": PARTIES,
        "context.agreement.destinations": PARTIES,
        "context.agreement.maxSensitivity": PARTIES,
        "context.agreement.onwardTransfer": PARTIES,
        "context.receivedUnder.purposes": WITH_OWNER,
        "context.receivedUnder.actions": WITH_OWNER,
        "context.receivedUnder.destinations": WITH_OWNER,
        "context.receivedUnder.maxSensitivity": WITH_OWNER,
        "context.receivedUnder.onwardTransfer": WITH_OWNER,
        "principal.clearance": DIRECTORY,
        "principal.trainingExpires": DIRECTORY,
        "principal in": DIRECTORY,
        "resource.sensitivity": OWNER,
        "resource.project": OWNER,
        "resource.jurisdiction": OWNER,
        "resource.exportClass": OWNER,
        "resource.residency": OWNER,
    }
)
"""The only values that may be suggested otherwise, with who can change each."""


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each
class Act:
    """Something that somebody does, and that makes verified facts true.

    Attributes:
        name: what is done, in one sentence.
        who: who does it.
        facts: what is true afterwards, by path.
        touches: the paths it is about: a condition on one of them asks for this act.
    """

    name: str
    who: str
    facts: Mapping[str, JSON]
    touches: frozenset[str]


def _act(name: str, who: str, facts: Mapping[str, JSON]) -> Act:
    return Act(name, who, MappingProxyType(dict(facts)), frozenset(facts))


SOMEBODY: Final = "somebody-else@approvers.invalid"
"""Stands for a second person where an act is tried out; nobody can have this identity."""

ACTS: Final[tuple[Act, ...]] = (
    _act(
        "A second person approves the transfer.",
        "an approver who did not start it",
        {"context.transfer.approved": True, "context.transfer.approver": SOMEBODY},
    ),
    _act(
        "What the failed checks name is mended, and the transfer is sent again.",
        REQUESTER,
        {"context.transfer.preflightPassed": True, "context.transfer.preflightFailed": []},
    ),
    _act(
        "Both organizations sign the agreement, and it comes into force.",
        "both parties",
        {
            "context.agreement.signedByProvider": True,
            "context.agreement.signedByConsumer": True,
            "context.agreement.inForce": True,
        },
    ),
    _act(
        "The agreement with the owner comes into force.",
        "the owner and this organization",
        {"context.receivedUnder.inForce": True},
    ),
    _act(
        "The connection is made with the organization's client certificate.",
        "the sender",
        {"context.transfer.mtls": True},
    ),
    _act(
        "The connection is made from a network named under [zones].", "the sender", {"context.transfer.zone": "partner"}
    ),
    _act("The organization that made the artifact signs it.", "the artifact's owner", {"resource.signed": True}),
    _act("A verdict releases the artifact from quarantine.", "the checks on arrival", {"resource.quarantined": False}),
)
