"""Deciding: one question to Cedar between guards, and for a denial one more to learn why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from cedarpy import PolicySet

from engine.policy.bundle import PolicyBundle
from engine.policy.explain import Account, Explained, Explanation
from engine.policy.guard import REMEDIES, Objection, Raw, objection_to
from engine.policy.mask import NO_MASK, Mask
from engine.policy.misfits import Shapes
from engine.policy.model import Decision, Entity, Mode, Request, Verdict
from engine.policy.question import Question, prepare
from engine.policy.record import decision, unrecordable

Asked: TypeAlias = tuple[Request, Iterable[Entity], datetime]
"""A request, at least the entities it can reach, and the moment it is asked at."""


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Why there is no answer of Cedar's to go by: a failsafe and what happened."""

    code: str
    detail: str


_Outcome: TypeAlias = tuple[Question, Raw] | _Stopped

_NO_PERMIT: Final = "No policy permits this action: ask whoever keeps the policies."


class PolicyEngine:
    """Decides requests by one bundle. Holds no state: several threads may share it.

    Args:
        bundle: what decides.
        mode: whether its answers bind; records say so.
        mask: what its records do not keep.
    """

    def __init__(self, bundle: PolicyBundle, mode: Mode = "enforce", mask: Mask = NO_MASK) -> None:
        self.bundle = bundle
        self.mode: Mode = mode
        self.mask = mask

    def decide(self, request: Request, entities: Iterable[Entity], now: datetime) -> Decision:
        """Answer a request. Whatever is wrong with it, or goes wrong on the way, is a denial and says so.

        Args:
            request: who wants to do what to what. Its context holds verified facts, never claims.
            entities: at least those the request can reach; the rest is left out.
            now: the moment, with a time zone; policies see it as `context.now`, in milliseconds.
        """
        try:
            question = prepare(self.bundle, request, entities, now)
            return self._answer(question, question.ask(question.rules), now)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the answer is no
            return self._stop(request, now, _stopped(error))

    def decide_many(self, asked: Iterable[Asked]) -> list[Decision]:
        """Answer many requests, each exactly as `decide` would, record and all.

        Requests that the same policies can apply to, in one world, are put to Cedar together.
        """
        given = list(asked)
        return [
            self._conclude(request, now, outcome)
            for (request, _, now), outcome in zip(given, self._put(given), strict=True)
        ]

    def explain(self, request: Request, entities: Iterable[Entity], now: datetime) -> Explained:
        """Decide, and say of the policies that matter how each of their conditions came out.

        Args: as `decide`.
        """
        world = tuple(entities)
        try:
            question = prepare(self.bundle, request, world, now)
            raw = question.ask(question.rules)
            told = self._matter(question, raw)
            decided = self._answer(question, raw, now, told)
        except Exception:  # noqa: BLE001 - deciding says what it was
            return Explained(self.decide(request, world, now), (), tuple)
        if told is None:
            return Explained(decided, (), tuple)
        shown = tuple(told.policies) if raw.reasons or decided.failsafe else (told.nearest(),)
        accounts = tuple(told.account(id_) for id_ in shown if id_ is not None and self._shows(told, id_, raw))
        return Explained(decided, accounts, lambda: _everything(question, decided))

    def _matter(self, question: Question, raw: Raw) -> Explanation | None:
        """Ask about the policies that an explanation shows, and those that a denial is told by."""
        if raw.answer not in {"Allow", "Deny"}:
            return None
        errored = [id_ for id_ in raw.errored() if id_ is not None and id_ in question.slice.policies]
        helps = not raw.reasons or (raw.answer == "Deny" and all(map(self._obligation, raw.reasons)))
        # In the order that deciding asks in, so that of two permits equally near both tell the same.
        return question.explanation((*raw.reasons, *(question.slice.permits if helps else ()), *errored))

    def _shows(self, told: Explanation, id_: str, raw: Raw) -> bool:
        """Say whether a policy is one that decided, or kept from deciding."""
        return not raw.reasons or id_ in raw.reasons or (told.policies[id_].forbids and id_ in raw.errored())

    def answer_many(self, asked: Iterable[Asked]) -> list[Verdict]:
        """Answer many requests, each as `decide` would, without a record and without saying more than why."""
        return [self._verdict(outcome) for outcome in self._put(asked)]

    def _put(self, asked: Iterable[Asked]) -> list[_Outcome]:
        """Put requests to Cedar, as many at once as share their policies and their world."""
        outcomes: dict[int, _Outcome] = {}
        groups: dict[tuple[bytes, PolicySet], list[tuple[int, Question]]] = {}
        for number, (request, entities, now) in enumerate(asked):
            try:
                question = prepare(self.bundle, request, entities, now)
                groups.setdefault((question.document, question.rules), []).append((number, question))
            except Exception as error:  # noqa: BLE001 - as in decide
                outcomes[number] = _stopped(error)
        for group in groups.values():
            outcomes |= _ask_together(group)
        return [outcomes[number] for number in sorted(outcomes)]

    def _verdict(self, outcome: _Outcome) -> Verdict:
        if isinstance(outcome, _Stopped):
            return _failsafe(outcome.code)
        question, raw = outcome
        objection = objection_to(raw, question.slice.policies) or unrecordable(question.request)
        if objection is not None:
            return _failsafe(objection.code)
        return Verdict(permitted=raw.answer == "Allow", because=raw.reasons or ("no-permit",), failsafe=None)

    def _conclude(self, request: Request, now: datetime, outcome: _Outcome) -> Decision:
        if isinstance(outcome, _Stopped):
            return self._stop(request, now, outcome)
        try:
            return self._answer(*outcome, now)
        except Exception as error:  # noqa: BLE001 - as in decide
            return self._stop(request, now, _stopped(error))

    def _stop(self, request: Request, now: datetime, why: _Stopped) -> Decision:
        return decision(
            self.bundle,
            request,
            now,
            mode=self.mode,
            mask=self.mask,
            failsafe=why.code,
            errors=(why.detail,),
            remedies=(REMEDIES[why.code],),
        )

    def _answer(self, question: Question, raw: Raw, now: datetime, told: Explanation | None = None) -> Decision:
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
                mask=self.mask,
                raw=raw.answer,
                reasons=raw.reasons,
                errors=raw.errors,
                obligations=self._obligations(raw.reasons),
            )
        return self._deny(question, raw, now, told)

    def _deny(self, question: Question, raw: Raw, now: datetime, told: Explanation | None) -> Decision:
        # Only what can tell is asked about: the forbids, and the permits where these could matter.
        satisfiable = bool(raw.reasons) and not raw.errors and all(map(self._obligation, raw.reasons))
        if told is not None:
            explanation = told
        elif raw.reasons and not satisfiable:
            explanation = question.of_applied(raw.reasons)
        else:
            explanation = question.explanation((*raw.reasons, *question.slice.permits))
        conditions = explanation.of_forbids(raw.reasons) if raw.reasons else explanation.of_nearest_permit()
        return decision(
            self.bundle,
            question.request,
            now,
            entities=(question.entities_digest, question.document),
            mode=self.mode,
            mask=self.mask,
            raw=raw.answer,
            reasons=raw.reasons,
            errors=raw.errors,
            conditions=conditions,
            remedies=self._remedies(raw.reasons or (condition.policy for condition in conditions)) or (_NO_PERMIT,),
            # What would turn the denial into a permit: if the forbids say so, and a permit waits behind them.
            obligations=self._obligations(raw.reasons) if satisfiable and explanation.has_permit() else (),
        )

    def _object(self, question: Question, raw: Raw, now: datetime, objection: Objection) -> Decision:
        errored = (
            []
            if raw.answer == "NoDecision"
            else [id_ for id_ in raw.errored() if id_ is not None and id_ in self.bundle.policies]
        )
        return decision(
            self.bundle,
            question.request,
            now,
            entities=(question.entities_digest, question.document),
            mode=self.mode,
            mask=self.mask,
            raw=raw.answer,
            failsafe=objection.code,
            errors=(str(objection), *self._misfits(question, objection)),
            conditions=question.explanation(errored).of_errors(errored) if errored else (),
            remedies=(REMEDIES[objection.code],),
        )

    def _misfits(self, question: Question, objection: Objection) -> tuple[str, ...]:
        """Return which facts do not fit the schema, where that is what was objected to."""
        if objection.code != "request-refused":
            return ()
        return Shapes(self.bundle.schema, self.bundle.attributes).misfits_in(question.context, question.request.action)

    def _remedies(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.bundle.policies[id_].remedy for id_ in ids))

    def _obligations(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({named for id_ in ids if (named := self._obligation(id_))}))

    def _obligation(self, id_: str) -> str | None:
        return self.bundle.policies[id_].obligation


def _everything(question: Question, decided: Decision) -> tuple[Account, ...]:
    told = question.explanation(question.slice.policies)
    ranks = {id_: _rank(told, id_, decided) for id_ in told.policies}
    return tuple(told.account(id_) for id_ in sorted(ranks, key=ranks.__getitem__))


def _rank(told: Explanation, id_: str, decided: Decision) -> tuple[bool, bool, tuple[int, int], str]:
    """Determining policies come first, then permits by their distance, then the other forbids."""
    return id_ not in decided.reasons, told.policies[id_].forbids, told.distance(id_), id_


def _ask_together(group: Sequence[tuple[int, Question]]) -> dict[int, _Outcome]:
    """Ask questions that share their policies and their world; where one breaks the rest, each is asked alone."""
    questions = [question for _, question in group]
    try:
        answers = questions[0].ask_all(questions)
        return {number: (question, raw) for (number, question), raw in zip(group, answers, strict=True)}
    except Exception as error:  # noqa: BLE001 - as in decide
        if len(group) == 1:
            return {group[0][0]: _stopped(error)}
        return {number: outcome for each in group for number, outcome in _ask_together([each]).items()}


def _stopped(error: Exception) -> _Stopped:
    if isinstance(error, Objection):
        return _Stopped(error.code, str(error))
    return _Stopped("engine-error", f"{type(error).__name__}: {error}")


def _failsafe(code: str) -> Verdict:
    return Verdict(permitted=False, because=(code,), failsafe=code)
