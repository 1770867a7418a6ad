"""Changing policies: propose, approve, activate, withdraw, roll back, shadow; each under the policies it changes."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from engine.digest import JSON
from engine.errors import UsageError
from engine.policy.engine import PolicyEngine
from engine.policy.facts import build_request
from engine.policy.rollout.store import Activation, Candidate
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params

TWO = 2
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{4,64}$")]


class Because(Params):
    """Why."""

    reason: Reason


class Named(Because):
    """Which candidate, and why."""

    digest: Digest


class Approve(Named):
    """Which candidate, why, and whether it is to decide at once."""

    later: bool = False


class Activate(Params):
    """Which candidate."""

    digest: Digest


class RollBack(Because):
    """To which bundle, the one before if none is named, and why."""

    to: Digest | None = None


class Shadow(Params):
    """Which candidate, and whether its shadow is to end."""

    digest: Digest
    end: bool = False


def propose(office: Office, call: Call, params: Because) -> Any:
    """Propose the policy folder as it is now."""
    governance = office.governance
    return _governing(
        office,
        call,
        lambda who: _candidate(governance.lifecycle.propose(governance.on_disk(), who, params.reason)),
    )


def approve(office: Office, call: Call, params: Approve) -> Any:
    """Sign that a proposed bundle may decide, and let it decide at once unless it is to wait."""

    def work(who: str) -> dict[str, JSON]:
        found = office.governance.lifecycle.approve(params.digest, who, params.reason)
        return _candidate(found) if params.later else _activate(office, found.digest)

    return _governing(office, call, work)


def activate(office: Office, call: Call, params: Activate) -> Any:
    """Let an approved bundle decide."""
    return _governing(office, call, lambda _: _activate(office, params.digest))


def withdraw(office: Office, call: Call, params: Named) -> Any:
    """Take a proposal back, or turn it down."""
    lifecycle = office.governance.lifecycle
    return _governing(office, call, lambda who: _candidate(lifecycle.withdraw(params.digest, who, params.reason)))


def roll_back(office: Office, call: Call, params: RollBack) -> Any:
    """Let a bundle that decided before decide again."""
    lifecycle = office.governance.lifecycle
    return _governing(office, call, lambda who: _activation(lifecycle.roll_back(who, params.reason, params.to)))


def shadow(office: Office, call: Call, params: Shadow) -> Any:
    """Let a candidate decide in shadow, or end that."""
    lifecycle = office.governance.lifecycle
    act = lifecycle.end_shadow if params.end else lifecycle.shadow
    return _governing(office, call, lambda who: {**_candidate(act(params.digest, who)), "shadow": not params.end})


def _governing(office: Office, call: Call, act: Callable[[str], dict[str, JSON]]) -> dict[str, JSON]:
    """Change policies as whoever calls, if the policies that decide now let them, one change at a time."""
    who = office.caller(call.token).identity
    governance = office.governance
    with governance.lock:
        # Asked while nobody else changes anything, so that who lost the right meanwhile does not change it either.
        denied = office.denial(governance.action, who)
        if denied is not None:
            return denied
        governance.lifecycle.settle()
        return act(who)


def _activate(office: Office, ref: str) -> dict[str, JSON]:
    governance = office.governance
    action = governance.action
    # Compiled before it counts, so that no decision has to wait for it.
    _check_governable(office, governance.active.prepare(governance.store.named(ref).digest))
    done = governance.lifecycle.activate(ref, lambda identity: office.judge.ask(action, identity).permitted)
    return _activation(done)


def _check_governable(office: Office, engine: PolicyEngine) -> None:
    """Check that two people could change policies again once a bundle decides.

    Raises:
        UsageError: fewer could, so that nobody could ever leave the bundle.
    """
    action = "govern" if "govern" in engine.bundle.slices else "administer"
    directory, now = office.directory, office.clock()
    asked = [(*build_request(action, member.uid, directory), now) for member in directory.members]
    able = sum(verdict.permitted for verdict in engine.answer_many(asked))
    if able < TWO:
        raise UsageError(
            f"under bundle {engine.bundle.digest[:16]} only {able} of {len(asked)} could {action}, expected two",
            remedy="Let two people of the directory change policies, so that a mistake can be taken back.",
        )


def _candidate(found: Candidate) -> dict[str, JSON]:
    return {
        "digest": found.digest,
        "base": found.base,
        "state": found.state,
        "author": found.author,
        "reason": found.reason,
        "approved": found.approval is not None,
        "report": found.report,
    }


def _activation(done: Activation) -> dict[str, JSON]:
    return {
        "digest": done.digest,
        "previous": done.previous,
        "kind": done.kind,
        "author": done.author,
        "approver": done.approver,
        "reason": done.reason,
        "state": "active",
    }
