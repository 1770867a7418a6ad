"""The judge: asks the engine, and makes every answer durable before anybody acts on it. No log, no permit."""

from collections.abc import Callable, Mapping

from engine.digest import JSON
from engine.events import Clock, Event, Recorder, event_id
from engine.policy.directory import Directory
from engine.policy.engine import PolicyEngine
from engine.policy.facts import AgreementFacts, ArtifactFacts, TransferFacts, build_request
from engine.policy.model import Decision, EntityUid


class Judge:
    """Asks policy for one organization. Threads may share it.

    Args:
        engine: decides.
        directory: returns the directory as it is now.
        recorder: the audit log.
        clock: the time that decisions are made at.
    """

    def __init__(
        self, engine: PolicyEngine, directory: Callable[[], Directory], recorder: Recorder, clock: Clock
    ) -> None:
        self._engine = engine
        self._directory = directory
        self._recorder = recorder
        self._clock = clock

    @property
    def bundle_digest(self) -> str:
        """Digest of the policy bundle that decides."""
        return self._engine.bundle.digest

    def ask(
        self,
        action: str,
        identity: str,
        *,
        artifact: ArtifactFacts | None = None,
        agreement: AgreementFacts | None = None,
        transfer: TransferFacts | None = None,
        purpose: str | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Decision:
        """Decide, record, and only then return the decision.

        Somebody the directory does not know is asked about as a `User` nobody has described, which denies.

        Args:
            action: what is to be done.
            identity: who wants to, as their token or certificate says.
            artifact: what it is about; None for the organization itself.
            agreement: the agreement it happens under.
            transfer: the handoff it is part of.
            purpose: what for, where there is no transfer to say so.
            about: further attributes of the event: `transfer`, `partner`, `agreement`.

        Raises:
            InputError: `directory.yaml` cannot be read.
        """
        directory = self._directory()
        principal = directory.principal(identity) or EntityUid("User", identity)
        request, entities = build_request(action, principal, directory, artifact, agreement, transfer, purpose=purpose)
        decision = self._engine.decide(request, entities, self._clock())
        kind = "failsafe" if decision.failsafe else decision.decision.value
        payload: dict[str, JSON] = {
            "action": action,
            "because": list(decision.because),
            "conditions": [condition.sentence for condition in decision.conditions],
            "record": decision.record.decode(),
        }
        named = {"agreement": agreement.digest} if agreement else {}
        self._recorder.record(
            Event(
                id=event_id(decision.id, "decision"),
                type=f"decision.{kind}",
                actor=identity,
                artifact=artifact.root if artifact else None,
                decision=kind,
                policy=decision.bundle_digest,
                payload=payload,
                **(named | dict(about or {})),
            )
        )
        return decision
