"""Deciding: one question to Cedar between guards, and for a denial one more to learn why."""

from collections.abc import Iterable
from datetime import datetime

from engine.policy.bundle import PolicyBundle
from engine.policy.explain import Explanation
from engine.policy.guard import REMEDIES, Objection, Raw, objection_to
from engine.policy.model import Decision, Entity, Mode, Request
from engine.policy.question import Question, prepare
from engine.policy.record import decision

_NO_PERMIT = "No policy permits this action: ask whoever keeps the policies."


class PolicyEngine:
    """Decides requests by one bundle. Holds no state: several threads may share it.

    Args:
        bundle: what decides.
        mode: whether its answers bind; records say so.
    """

    def __init__(self, bundle: PolicyBundle, mode: Mode = "enforce") -> None:
        self.bundle = bundle
        self.mode: Mode = mode

    def decide(self, request: Request, entities: Iterable[Entity], now: datetime) -> Decision:
        """Answer a request. Whatever is wrong with it, or goes wrong on the way, is a denial and says so.

        Args:
            request: who wants to do what to what. Its context holds verified facts, never claims.
            entities: at least those the request can reach; the rest is left out.
            now: the moment, with a time zone; policies see it as `context.now`, in milliseconds.
        """
        try:
            question = prepare(self.bundle, request, entities, now)
            return self._answer(question, question.ask(question.slice.rules), now)
        except Objection as objection:
            code, detail = objection.code, str(objection)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the answer is no
            code, detail = "engine-error", f"{type(error).__name__}: {error}"
        remedies = (REMEDIES[code],)
        return decision(self.bundle, request, now, mode=self.mode, failsafe=code, errors=(detail,), remedies=remedies)

    def _answer(self, question: Question, raw: Raw, now: datetime) -> Decision:
        objection = objection_to(raw, question.slice.policies)
        if objection is not None:
            return self._object(question, raw, now, objection)
        if raw.answer == "Allow":
            return decision(
                self.bundle,
                question.request,
                now,
                entities=(question.entities_digest, question.document),
                mode=self.mode,
                raw=raw.answer,
                reasons=raw.reasons,
                errors=raw.errors,
                obligations=self._obligations(raw.reasons),
            )
        return self._deny(question, raw, now)

    def _deny(self, question: Question, raw: Raw, now: datetime) -> Decision:
        explanation = question.explanation()
        conditions = explanation.of_forbids(raw.reasons) if raw.reasons else explanation.of_nearest_permit()
        return decision(
            self.bundle,
            question.request,
            now,
            entities=(question.entities_digest, question.document),
            mode=self.mode,
            raw=raw.answer,
            reasons=raw.reasons,
            errors=raw.errors,
            conditions=conditions,
            remedies=self._remedies(raw.reasons or (condition.policy for condition in conditions)) or (_NO_PERMIT,),
            obligations=self._what_would_help(raw, explanation),
        )

    def _object(self, question: Question, raw: Raw, now: datetime, objection: Objection) -> Decision:
        errored = [] if raw.answer == "NoDecision" else list(raw.errored())
        return decision(
            self.bundle,
            question.request,
            now,
            entities=(question.entities_digest, question.document),
            mode=self.mode,
            raw=raw.answer,
            failsafe=objection.code,
            errors=(str(objection),),
            conditions=question.explanation().of_errors(errored) if errored else (),
            remedies=(REMEDIES[objection.code],),
        )

    def _what_would_help(self, raw: Raw, explanation: Explanation) -> tuple[str, ...]:
        """Return what would turn a denial into a permit, if the forbids say so and a permit waits behind them."""
        satisfiable = all(self.bundle.policies[id_].obligation for id_ in raw.reasons)
        if not raw.reasons or not satisfiable or raw.errors or not explanation.has_permit():
            return ()
        return self._obligations(raw.reasons)

    def _remedies(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.bundle.policies[id_].remedy for id_ in ids))

    def _obligations(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({named for id_ in ids if (named := self.bundle.policies[id_].obligation)}))
