"""What a raw answer of Cedar counts for. Nothing here can turn a denial into a permit.

Cedar skips a policy that fails to evaluate. For a permit that is safe; a skipped forbid turns a denial into a
permit, without a word unless somebody reads the errors. Here somebody does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.policy.bundle import Policy

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clock-supplied": "Leave 'now' out of the context: the engine states the time.",
        "clock-without-zone": "Pass the time with its time zone.",
        "schema-missing": "Put the schema, a file ending in .cedarschema, beside the policies.",
        "action-group-unknown": "Declare the action group in the schema, or correct its name in the policy.",
        "unknown-action": "Use an action that the schema declares.",
        "duplicate-entity": "State each entity once.",
        "dangling-reference": "Add what is missing to directory.yaml, or correct the name.",
        "entity-refused": "State every attribute the schema demands, and nothing else.",
        "request-refused": "State every fact the schema demands for this action, and nothing else.",
        "forbid-errored": "Ask the owner of the policy that could not be evaluated to mend it.",
        "engine-error": "Report this as a defect of lading; until it is mended the answer stays no.",
    }
)
"""Every failsafe, and what a person can do about it."""

_ERROR: Final = re.compile(r"error while evaluating policy `([^`]*)`: .*", re.DOTALL)


class Objection(Exception):  # noqa: N818 - it is raised against a request, and is not an error of lading's
    """A reason to deny without Cedar's answer, or against it.

    Attributes:
        code: a key of `REMEDIES`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Raw:
    """What Cedar answered.

    Attributes:
        answer: `Allow`, `Deny` or `NoDecision`; empty if it was not asked.
        reasons: ids of the determining policies, sorted.
        errors: messages, each naming the policy it is about.
    """

    answer: str
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def errored(self) -> Mapping[str | None, str]:
        """Return the errors by policy id; None stands for those that name no policy."""
        return {match[1] if (match := _ERROR.fullmatch(error)) else None: error for error in self.errors}


def objection_to(raw: Raw, policies: Mapping[str, Policy]) -> Objection | None:
    """Return why an answer must not count as it stands, or None if it may.

    It must not if Cedar did not decide (`request-refused`), or if it allowed although a forbid, or something that
    names no policy of ours, could not be evaluated (`forbid-errored`).
    """
    if raw.answer == "Deny":
        return None
    if raw.answer != "Allow":
        return Objection("request-refused", "; ".join(raw.errors) or "Cedar did not decide")
    for id_, error in raw.errored().items():
        policy = None if id_ is None else policies.get(id_)
        if policy is None or policy.forbids:
            return Objection("forbid-errored", error)
    return None
