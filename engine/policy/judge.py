"""The judge: asks the engine, and makes every answer durable before anybody acts on it. No log, no permit.

An answer about a transfer that says what the last one about it said is durable already, and is not recorded again.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from engine.digest import JSON
from engine.events import Clock, Event, event_id
from engine.policy.directory import Directory
from engine.policy.engine import PolicyEngine
from engine.policy.facts import AgreementFacts, ArtifactFacts, TransferFacts, build_request
from engine.policy.model import Decision, Entity, EntityUid, Request
from engine.policy.repeated import Logged, former

logger = logging.getLogger("lading.policy")

LOOKED_AT: Final = 64
"""How many of the newest decisions about a transfer are compared with the next one."""


class Policies(Protocol):
    """What decides now."""

    def engine(self) -> PolicyEngine:
        """Return what decides; raise PolicyError if nothing can."""
        ...

    def shadows(self) -> Sequence[PolicyEngine]:
        """Return what decides beside it, for the record only."""
        ...

    def keep_slice(self, digest: str, body: bytes) -> None:
        """Keep the entities that a decision rests on."""
        ...


class Records(Protocol):
    """Where decisions are made durable: the audit log."""

    def record(self, event: Event) -> object:
        """Record one event."""
        ...

    def record_many(self, events: Sequence[Event]) -> object:
        """Record several events, all or none."""
        ...

    def decisions(self, transfer: str, most: int) -> Sequence[Logged]:
        """Return the newest recorded decisions about a transfer, the newest first, those in shadow among them."""
        ...


class Judge:
    """Asks policy for one organization. Threads may share it.

    Args:
        policies: what decides now, asked before every decision.
        directory: returns the directory as it is now.
        recorder: the audit log.
        clock: the time that decisions are made at.
    """

    def __init__(self, policies: Policies, directory: Callable[[], Directory], recorder: Records, clock: Clock) -> None:
        self._policies = policies
        self._directory = directory
        self._recorder = recorder
        self._clock = clock

    @property
    def bundle_digest(self) -> str:
        """Digest of the policy bundle that decides now."""
        return self._policies.engine().bundle.digest

    def knows(self, action: str) -> bool:
        """Say whether the policies that decide now know an action."""
        return action in self._policies.engine().bundle.slices

    def ask(
        self,
        action: str,
        identity: str,
        *,
        artifact: ArtifactFacts | None = None,
        agreement: AgreementFacts | None = None,
        transfer: TransferFacts | None = None,
        received_under: AgreementFacts | None = None,
        purpose: str | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Decision:
        """Decide, record, and only then return the decision.

        About a transfer, a decision that says what the last one said is not recorded again: that one is returned.

        Somebody the directory does not know is asked about as a `User` nobody has described, which denies.

        Args:
            action: what is to be done.
            identity: who wants to, as their token or certificate says.
            artifact: what it is about; None for the organization itself.
            agreement: the agreement it happens under.
            transfer: the handoff it is part of.
            received_under: for handing on what was received, the agreement with its owner.
            purpose: what for, where there is no transfer to say so.
            about: further attributes of the event: `transfer`, `partner`, `agreement`.

        Raises:
            InputError: `directory.yaml` cannot be read.
        """
        directory, engine, now = self._directory(), self._policies.engine(), self._clock()
        principal = directory.principal(identity) or EntityUid("User", identity)
        request, entities = build_request(
            action,
            principal,
            directory,
            artifact,
            agreement,
            transfer,
            received_under=received_under,
            purpose=purpose,
        )
        decision = engine.decide(request, entities, now)
        named: dict[str, Any] = {
            "actor": identity,
            "artifact": artifact.root if artifact else None,
            **({"agreement": agreement.digest} if agreement else {}),
            **(about or {}),
        }
        logged = self._recorder.decisions(named["transfer"], LOOKED_AT) if "transfer" in named else ()
        said = self._record(decision, action, named, logged)
        self._shadow(request, entities, now, action, named, logged)
        return said

    def _record(self, decision: Decision, action: str, named: Mapping[str, Any], logged: Sequence[Logged]) -> Decision:
        """Make a decision durable; return it as the log has it: by the id of the last one, if that says the same."""
        last = former(decision, action, named, logged)
        if last is not None:
            return replace(decision, id=last[0], record=last[1])
        if decision.slice_digest is not None and decision.slice is not None:
            self._policies.keep_slice(decision.slice_digest, decision.slice)
        kind = "failsafe" if decision.failsafe else decision.decision.value
        self._recorder.record(_event(decision, kind, action, named))
        return decision

    def _shadow(
        self,
        request: Request,
        entities: Iterable[Entity],
        now: datetime,
        action: str,
        named: Mapping[str, Any],
        logged: Sequence[Logged],
    ) -> None:
        """Record what candidates in shadow say. INVARIANT: whatever goes wrong with them, the decision stands."""
        try:
            decided = [each.decide(request, entities, now) for each in self._policies.shadows()]
            said = [each for each in decided if former(each, action, named, logged) is None]
            if said:
                self._recorder.record_many([_event(each, "shadow", action, named) for each in said])
        except Exception:
            logger.exception("candidates in shadow could not be recorded")


def _event(decision: Decision, kind: str, action: str, named: Mapping[str, Any]) -> Event:
    """Return the event of a decision; a shadow's says nothing that anybody could take for an answer."""
    payload: dict[str, JSON] = {
        "action": action,
        "because": list(decision.because),
        "conditions": [condition.sentence for condition in decision.conditions],
        "record": decision.record.decode(),
    }
    return Event(
        id=event_id(decision.id, "decision"),
        type=f"decision.{kind}",
        decision=None if kind == "shadow" else kind,
        policy=decision.bundle_digest,
        payload=payload,
        **named,
    )
