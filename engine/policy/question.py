"""A request made ready to be asked: guarded, cut down to what matters, with the clock set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cedarpy import Entities, PolicySet, Schema, is_authorized_batch

from engine.digest import JSON, canonical, sha256
from engine.policy.atoms import of_applied
from engine.policy.bundle import PolicyBundle, Slice
from engine.policy.closure import ancestry, closure
from engine.policy.explain import Explanation
from engine.policy.guard import Objection, Raw
from engine.policy.misfits import Shapes
from engine.policy.model import Entity, EntityUid, Request, moment
from engine.policy.values import Facts


@dataclass(frozen=True, slots=True)
class Question:
    """What Cedar is asked.

    Attributes:
        request: the request as it came.
        context: its context, and the time.
        entities: what the request can reach, by name.
        entities_digest: SHA-256 of the canonical JSON list of these entities, sorted by name, each in Cedar's
            JSON entity format.
        document: that list.
        slice: the policies that can apply to its action.
        schema: the schema that all of it fits.
        store: the entities as Cedar holds them, checked against the schema.
        rules: the policies of the slice whose scope the request can meet, as Cedar holds them.
    """

    request: Request
    context: Mapping[str, JSON]
    entities: Mapping[EntityUid, Entity]
    entities_digest: str
    document: bytes
    slice: Slice
    schema: Schema
    store: Entities
    rules: PolicySet

    def ask(self, policies: PolicySet) -> Raw:
        """Ask Cedar about these policies."""
        return _ask([self], policies)[0]

    def ask_all(self, questions: Sequence["Question"]) -> list[Raw]:
        """Ask Cedar about this question's rules, for questions that have the same in the same world."""
        return _ask(questions, self.rules)

    def of_applied(self, ids: Iterable[str]) -> Explanation:
        """Say how the conditions of policies that applied came out; Cedar is asked only where it does not follow."""
        policies = {id_: self.slice.policies[id_] for id_ in ids}
        truth: dict[str, bool | None] = {}
        for policy in policies.values():
            followed = of_applied(policy.atoms)
            if followed is None:
                return self.explanation(policies)
            truth |= followed
        return Explanation(policies, truth, Facts(self.request, self.context, self.entities))

    def explanation(self, ids: Iterable[str]) -> Explanation:
        """Ask Cedar which single conditions of some of the slice's policies hold."""
        asked = tuple(dict.fromkeys(ids))
        policies = {id_: self.slice.policies[id_] for id_ in asked}
        told = self.ask(self.slice.probes(asked))
        truth: dict[str, bool | None] = {atom.id: False for policy in policies.values() for atom in policy.atoms}
        truth |= dict.fromkeys(told.reasons, True)
        truth |= dict.fromkeys((id_ for id_ in told.errored() if id_ is not None), None)
        return Explanation(policies, truth, Facts(self.request, self.context, self.entities))


def _ask(questions: Sequence[Question], policies: PolicySet) -> list[Raw]:
    first = questions[0]
    requests = [each.request.to_json() | {"context": dict(each.context)} for each in questions]
    results = is_authorized_batch(requests, policies, first.store, first.schema)
    return [
        Raw(
            result.decision.value,
            tuple(sorted(result.diagnostics.reasons)),
            tuple(result.diagnostics.errors),
        )
        for result in results
    ]


def prepare(bundle: PolicyBundle, request: Request, entities: Iterable[Entity], now: datetime) -> Question:
    """Check a request and make it ready.

    Raises:
        Objection: the bundle must not permit anything, or the request brings its own clock, names an unknown action,
            or leads to an entity that is missing, given twice or not as the schema demands.
    """
    if bundle.objection is not None:
        raise Objection(*bundle.objection)
    if "now" in request.context:
        raise Objection("clock-supplied", "the context says what time it is")
    if now.tzinfo is None:
        raise Objection("clock-without-zone", "the time has no time zone")
    policies = bundle.slices.get(request.action)
    if policies is None:
        raise Objection("unknown-action", f"the schema has no action {request.action!r}")
    reached = closure(request, entities, policies.named)
    try:
        document = canonical([entity.to_json() for entity in reached.values()])
        store = bundle.store_of(document)
    except (ValueError, TypeError, RecursionError) as error:
        misfits = Shapes(bundle.schema, bundle.attributes).misfits_of(reached.values())
        told = "; ".join(misfits) or f"given were {', '.join(map(str, reached))}"
        raise Objection("entity-refused", f"{error}: {told}") from None
    return Question(
        request=request,
        context={**request.context, "now": moment(now)} if request.action in bundle.clocked else request.context,
        entities=reached,
        entities_digest=sha256(document),
        document=document,
        slice=policies,
        schema=bundle.schema,
        store=store,
        rules=policies.rules_near(policies.scoped & ancestry(reached, request.principal, request.resource)),
    )
