"""What a second person signs about a transfer, and when it counts: approvals and break-glass tickets alike.

INVARIANTS
- What is drafted and what is compared are the same fields (`bound`): none can be altered, and none is left out.
- It counts for the very transfer, order, findings and policy bundle it names, for at most four hours, once, and only
  if somebody else than its requester signed it.
- It never goes past what proves an artifact: signatures, digests, checks that did not run.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from engine.custody.statements import Authorization, fresh_nonce, plan_digest
from engine.events import SKEW
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts

LIFE: Final = timedelta(hours=4)
SIGNATURES: Final = ("model-signature", "manifest-attestation", "origin-unknown")
NEVER_WAIVED: Final = (
    "agreement-other-text",
    "agreement-sign",
    "agreement-trust-moved",
    "agreement-unsigned",
    "digest-mismatch",
    "manifest-attestation",
    "missing",
    "model-signature",
    "more-findings",
    "origin-unknown",
    "preflight-missing",
    "size-mismatch",
)
"""What the codes of findings begin with that nobody waives."""

Kind = TypeVar("Kind", bound=Authorization)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the preflight checks found, as it was kept."""

    passed: bool
    failed: tuple[str, ...]

    @property
    def signed(self) -> bool:
        """Whether the artifact's signatures verified."""
        return not any(code.startswith(SIGNATURES) for code in self.failed)


def kept_preflight(parts: Parts, transfer: Outgoing) -> Preflight:
    """Return what the preflight checks found; nothing kept counts as failed."""
    kept = parts.table.document(transfer.id, "preflight")
    if kept is None:
        return Preflight(passed=False, failed=("preflight-missing",))
    report = json.loads(kept)
    failed = {finding["code"] for finding in report["findings"] if finding["severity"] == "error"}
    return Preflight(bool(report["passed"]) and not failed, tuple(sorted(failed)))


def waivable(code: str) -> bool:
    """Say whether a second person may waive a finding."""
    return not code.startswith(NEVER_WAIVED)


def plan_of(transfer: Outgoing) -> str:
    """Return the digest of the order that a transfer is."""
    return plan_digest(
        artifact=transfer.artifact,
        partner=transfer.partner,
        agreement=transfer.agreement,
        purpose=transfer.purpose,
        impact=transfer.impact,
        actor=transfer.actor,
    )


def draft(
    kind: type[Kind],
    parts: Parts,
    transfer: Outgoing,
    asked: Mapping[str, Any],
    *,
    reason: str,
    life: timedelta = LIFE,
) -> Kind:
    """Return what a second person is to sign about a transfer, from now on.

    Args:
        kind: which statement.
        parts: what knows the policies of the moment.
        transfer: the transfer.
        asked: `requester`, `waives`, and what else was asked of them.
        reason: theirs.
        life: how long it is to count.
    """
    now = parts.clock()
    moment = {"nonce": fresh_nonce(), "issued": now, "not_before": now, "expires": now + life}
    return kind.model_validate(bound(parts, transfer, asked) | moment | {"checkpoint": "", "reason": reason})


def bound(parts: Parts, transfer: Outgoing, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a statement has to say to be about a transfer as it stands now."""
    return {
        "transfer": transfer.id,
        "sender": parts.organization,
        "receiver": transfer.partner,
        "artifact": transfer.artifact,
        "agreement": transfer.agreement,
        "action": "send",
        "purpose": transfer.purpose,
        "plan": plan_of(transfer),
        "policy": parts.judge.bundle_digest,
        **asked,
    }


def objection(
    parts: Parts, transfer: Outgoing, asked: Mapping[str, Any], said: Authorization, signatory: str
) -> str | None:
    """Return why a verified statement does not count for a transfer now; None if it does."""
    return next(_objections(parts, transfer, asked, said, signatory), None)


def _objections(
    parts: Parts, transfer: Outgoing, asked: Mapping[str, Any], said: Authorization, signatory: str
) -> Iterator[str]:
    for name, expected in bound(parts, transfer, asked).items():
        found = getattr(said, name)
        if found != expected:
            yield f"it is about {name} {_shown(found)}, expected {_shown(expected)}"
    now = parts.clock()
    if signatory in {said.requester, transfer.actor}:
        yield f"{signatory} approved what they asked for themselves"
    if said.expires - said.not_before > LIFE:
        yield "it claims to last longer than four hours"
    if now + SKEW < max(said.not_before, said.issued):
        yield "it is from the future"
    if now >= said.expires:
        yield "it has expired"
    refused = [code for code in said.waives if not waivable(code)]
    if refused:
        yield f"it waives {', '.join(refused)}, which nothing waives"
    if not parts.free(said.nonce, transfer.id):
        yield "another transfer used it"


def _shown(value: object) -> str:
    return (", ".join(value) or "none" if isinstance(value, tuple) else str(value))[:64]
