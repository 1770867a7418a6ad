"""Denials, as people are told of them."""

from engine.digest import JSON
from engine.policy.model import Decision


def describe_denial(decision: Decision) -> dict[str, JSON]:
    """Return what a person needs to know about a denial: the policies, the conditions with values, the remedies."""
    reasons: list[JSON] = [
        {"policy": each.policy, "condition": each.sentence, "remedy": each.remedy} for each in decision.conditions
    ]
    return {
        "denied": {
            "decision": decision.id,
            "because": list(decision.because),
            "reasons": reasons,
            "remedies": list(decision.remedies),
        }
    }
