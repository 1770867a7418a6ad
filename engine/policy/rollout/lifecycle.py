"""Propose, approve, activate, roll back: who may do what to which bundle, and in which order it becomes durable.

Whoever calls has asked policy whether the person may (`govern`). What is demanded here holds whatever policies say:
an author never approves, an approval counts once and for exactly what it names.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from engine.digest import JSON
from engine.errors import LadingError, PolicyError, UntrustedIdentity, UsageError
from engine.events import Clock, Event, Recorder, event_id
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.recorded import RecordedDecision
from engine.policy.rollout.approval import POLICY_APPROVAL, PolicyApproval
from engine.policy.rollout.examination import SHOWN, Examined, examine
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.rollout.store import Activation, Candidate, PolicyStore
from engine.policy.workbench.replay import replay
from engine.signing import OrganizationTrust, Signed

logger = logging.getLogger(__name__)

_LOOK: Final = "'lading policy history' shows every candidate and how it stands."


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The life of one organization's policies.

    Attributes:
        organization: whose they are.
        service: the identity that acts when nobody does.
        store: the policy database.
        recorder: the audit log.
        clock: the time.
        trust: whose signatures count for the organization.
        sign: signs a statement as an identity of the organization.
        decisions: the newest recorded decisions, which every candidate is replayed on.
    """

    organization: str
    service: str
    store: PolicyStore
    recorder: Recorder
    clock: Clock
    trust: Callable[[], OrganizationTrust]
    sign: Callable[[bytes, str], bytes]
    decisions: Callable[[], Iterable[RecordedDecision]]

    def begin(self, snapshot: Snapshot, author: str, reason: str) -> Activation:
        """Let the very first bundle decide. Nobody approves it: there is nothing yet that could say who may.

        Raises:
            PolicyError: it does not load.
            UsageError: there was one before.
        """
        examined = examine(snapshot, None)
        if examined.bundle is None:
            raise PolicyError(f"the policies are broken:\n{examined.summary}", remedy="Mend them, then try again.")
        return self._activate(
            Activation(
                number=0,
                digest=snapshot.digest,
                previous=None,
                kind="initial",
                author=author,
                approver=None,
                reason=reason,
                effect="",
                statement=None,
                logged=0,
                at=0.0,
            ),
            snapshot,
            None,
        )

    def see(self, snapshot: Snapshot) -> Candidate | None:
        """Take notice of a folder as it is now; return the candidate it is, or None if it is what decides."""
        active = self.store.active()
        self.store.drop_drafts(snapshot.digest)
        if snapshot.digest == active:
            return None
        known = self.store.candidate(snapshot.digest)
        if known is not None and self._unchanged(known, snapshot, active):
            return known
        examined = examine(snapshot, self.store.snapshot(active) if active else None)
        return self._note(snapshot, examined, active, known)

    def propose(self, snapshot: Snapshot, author: str, reason: str) -> Candidate:
        """Propose what a folder holds now.

        Raises:
            UsageError: it is what decides already, or not good enough; the message says what is wrong.
        """
        found = self.see(snapshot)
        if found is None:
            raise UsageError(
                f"bundle {snapshot.digest[:16]} decides already",
                remedy="Edit the policies first; 'lading policy check' shows their digest.",
            )
        if found.state in {"broken", "failing"}:
            raise PolicyError(
                f"bundle {found.digest[:16]} is {found.state}: {found.report['summary']}",
                remedy="Mend it; 'lading policy check' and 'lading policy test' show everything that is wrong.",
            )
        if found.state == "proposed" and found.author != author:
            raise UsageError(
                f"{found.author} proposed bundle {found.digest[:16]} already",
                remedy="Approve it, or have it withdrawn before you propose it yourself.",
            )
        active = self.store.active()
        drafted = replace(found, state="proposed", author=author, reason=reason, base=active, approval=None)
        payload: dict[str, JSON] = {"reason": reason, "base": active, "report": found.report}
        self._record("policy.proposed", drafted.digest, f"{author}:{active}:{self._now()}", author, payload)
        return self.store.keep(snapshot, drafted)

    def approve(self, ref: str, approver: str, reason: str) -> Candidate:
        """Sign that a proposed bundle may decide.

        Raises:
            UsageError: it is not proposed, its author approves it, or another bundle came to decide meanwhile.
            UntrustedIdentity: the approver's signature does not count for the organization.
        """
        found = self._proposed(ref)
        if approver == found.author:
            raise UsageError(
                f"{approver} proposed bundle {found.digest[:16]}, and nobody approves their own",
                remedy="Ask a second person who may govern policies.",
            )
        snapshot = self.store.snapshot(found.digest)
        approval = PolicyApproval.draft(
            organization=self.organization,
            bundle=found.digest,
            gate=snapshot.gate,
            base=found.base or "",
            author=found.author or "",
            reason=reason,
            now=self.clock(),
        )
        signed = self.sign(approval.statement(), approver)
        said, _ = self._verified(signed, found)
        payload: dict[str, JSON] = {"reason": reason, "author": found.author, "base": found.base}
        self._record("policy.approved", found.digest, said.nonce, approver, payload)
        return self.store.save(replace(found, approval=signed))

    def activate(self, ref: str, may_approve: Callable[[str], bool]) -> Activation:
        """Let an approved bundle decide, in every process, from the next decision on.

        Args:
            ref: the beginning of its digest.
            may_approve: whether policy still lets somebody approve.

        Raises:
            UsageError: it is not proposed, nobody approved it, or the approval was used, expired, or is for
                something else.
            SignatureError: the approval does not verify.
        """
        found = self._proposed(ref)
        if found.approval is None:
            raise UsageError(
                f"bundle {found.digest[:16]} waits for an approval by somebody other than {found.author}",
                remedy=f"Ask a second person to run 'lading --as SOMEBODY policy approve {found.digest[:16]}'.",
            )
        said, signed = self._verified(found.approval, found)
        approver = signed.signatory.identity
        if not may_approve(approver):
            raise UsageError(
                f"policy no longer lets {approver} approve", remedy="Ask somebody else who may govern policies."
            )
        return self._activate(
            Activation(
                number=0,
                digest=found.digest,
                previous=found.base,
                kind="activation",
                author=found.author or "",
                approver=approver,
                reason=found.reason,
                effect=str(found.report.get("effect", "")),
                statement=found.approval,
                logged=0,
                at=0.0,
            ),
            self.store.snapshot(found.digest),
            said.nonce,
        )

    def roll_back(self, who: str, reason: str, ref: str | None) -> Activation:
        """Let a bundle that decided before decide again: the one before this, or the one that is named.

        No new approval is asked for: it was approved when it first decided, and an emergency cannot wait.

        Raises:
            UsageError: there is none.
        """
        past = [each for each in self.store.activations() if each.logged]
        if ref is None and past and past[0].kind == "rollback":
            raise UsageError(
                f"bundle {past[0].digest[:16]} was rolled back to already",
                remedy="Name the bundle to go back to with --to; 'lading policy history' shows them.",
            )
        active = past[0].digest if past else None
        fitting = [each for each in past if each.digest != active and each.digest.startswith(ref or "")]
        if not fitting:
            raise UsageError(
                f"no bundle {f'called {ref!r} ' if ref else ''}decided before this one",
                remedy="'lading policy history' shows what decided, and when.",
            )
        target = fitting[0]
        return self._activate(
            replace(target, previous=active, kind="rollback", author=who, approver=None, reason=reason, statement=None),
            self.store.snapshot(target.digest),
            None,
        )

    def withdraw(self, ref: str, who: str, reason: str) -> Candidate:
        """Take a proposal back, or turn it down.

        Raises:
            UsageError: it is not proposed.
        """
        found = self.store.named(ref)
        if found.state != "proposed":
            raise UsageError(f"bundle {found.digest[:16]} is {found.state}, expected proposed", remedy=_LOOK)
        self._record("policy.refused", found.digest, f"{who}:{self._now()}", who, {"reason": reason})
        return self.store.save(replace(found, state="withdrawn", approval=None))

    def shadow(self, ref: str, who: str) -> Candidate:
        """Let a candidate decide in shadow: its answers are recorded, and nobody acts on them.

        Raises:
            UsageError: it is not ready.
        """
        found = self.store.named(ref)
        if found.state not in {"ready", "proposed", "superseded"}:  # what was superseded had been approved
            raise UsageError(
                f"bundle {found.digest[:16]} is {found.state}, expected ready, proposed or superseded",
                remedy="Mend it first, and let it pass its suites.",
            )
        self._record("policy.shadowed", found.digest, f"{who}:{self._now()}", who, {"shadow": True})
        self.store.set_shadow(found.digest, who)
        return found

    def end_shadow(self, ref: str, who: str) -> Candidate:
        """End it."""
        found = self.store.named(ref)
        self.store.end_shadow(found.digest)
        self._record("policy.shadowed", found.digest, f"{who}:{self._now()}", who, {"shadow": False})
        return found

    def settle(self) -> None:
        """Finish or take back what a crash left between the database and the log."""
        for each in self.store.activations():
            if not each.logged:
                # Recording is idempotent, so an event that is there is found, and one that is not is made.
                self._record_activation(each)
                self.store.complete_activation(each)

    def _activate(self, new: Activation, snapshot: Snapshot, nonce: str | None) -> Activation:
        begun = self.store.begin_activation(new, snapshot, nonce)
        try:
            self._record_activation(begun)
        except BaseException:
            self.store.forget_activation(begun, nonce)
            raise
        self.store.complete_activation(begun)
        return begun

    def _record_activation(self, begun: Activation) -> None:
        payload: dict[str, JSON] = {
            "kind": begun.kind,
            "previous": begun.previous,
            "author": begun.author,
            "approver": begun.approver,
            "reason": begun.reason,
            "effect": begun.effect,
        }
        kind = "policy.reverted" if begun.kind == "rollback" else "policy.activated"
        self._record(kind, begun.digest, str(begun.number), begun.approver or begun.author, payload)

    def _note(self, snapshot: Snapshot, examined: Examined, active: str | None, known: Candidate | None) -> Candidate:
        now = self.clock().timestamp()
        report: dict[str, JSON] = {**examined.report, "summary": examined.summary, "gate": snapshot.gate}
        if examined.bundle is not None and active is not None:
            report |= self._effect(examined.bundle)
        found = Candidate(
            digest=snapshot.digest,
            base=active,
            author=None,
            state=examined.state,
            reason="",
            report=report,
            approval=None,
            seen=known.seen if known else now,
            updated=now,
        )
        payload: dict[str, JSON] = {
            "state": examined.state,
            "summary": examined.summary,
            "base": active,
            "effect": report.get("effect", ""),
        }
        self._record("policy.examined", snapshot.digest, f"{active}:{self._now()}", self.service, payload)
        return self.store.keep(snapshot, found)

    def _effect(self, bundle: PolicyBundle) -> dict[str, JSON]:
        """Replay recorded decisions on a bundle.

        INVARIANT: whatever is wrong with what was recorded, it says so and keeps no candidate from being examined;
        otherwise one damaged row of the past would make it impossible to tighten policies.
        """
        try:
            replayed = replay(self.decisions(), PolicyEngine(bundle))
        except LadingError as error:
            return {"effect": f"recorded decisions could not be replayed: {error}"}
        except Exception as error:
            logger.exception("recorded decisions could not be replayed")
            return {"effect": f"recorded decisions could not be replayed: {type(error).__name__}"}
        return {"replay": replayed.to_json(SHOWN), "effect": replayed.effect}

    def _unchanged(self, known: Candidate, snapshot: Snapshot, active: str | None) -> bool:
        """Say whether a known candidate need not be examined again."""
        return known.base == active and known.report.get("gate") == snapshot.gate and known.state != "superseded"

    def _proposed(self, ref: str) -> Candidate:
        found = self.store.named(ref)
        if found.state != "proposed":
            raise UsageError(f"bundle {found.digest[:16]} is {found.state}, expected proposed", remedy=_LOOK)
        if found.base != self.store.active():
            raise UsageError(
                f"bundle {found.digest[:16]} was proposed on top of {(found.base or '')[:16]}, and another decides now",
                remedy="Propose it again, so that it is examined against what decides now.",
            )
        return found

    def _verified(self, approval: bytes, found: Candidate) -> tuple[PolicyApproval, Signed]:
        """Verify an approval against exactly what it has to be about."""
        signed = self.trust().verify(approval, predicate_type=POLICY_APPROVAL)
        said = PolicyApproval.read(signed)
        objection = said.objection(
            organization=self.organization,
            bundle=found.digest,
            gate=self.store.snapshot(found.digest).gate,
            base=found.base or "",
            author=found.author or "",
            now=self.clock(),
        )
        if objection is None and signed.signatory.identity == found.author:
            objection = "its author signed it"
        if objection is not None:
            raise UntrustedIdentity(
                f"the approval of bundle {found.digest[:16]} does not count: {objection}",
                remedy="Ask a second person to approve it again.",
            )
        return said, signed

    def _record(self, kind: str, digest: str, occurrence: str, actor: str, payload: dict[str, JSON]) -> None:
        self.recorder.record(
            Event(
                id=event_id(digest, f"{kind}:{occurrence}"),
                type=kind,
                actor=actor,
                policy=digest,
                payload=payload,
            )
        )

    def _now(self) -> str:
        return self.clock().isoformat()
