"""How two bundles differ: policies by what they mean, the schema, and the suite cases that come out differently."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cedarpy import pst

from engine.digest import JSON
from engine.policy.bundle import Policy, PolicyBundle
from engine.policy.workbench.suite import Suite


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A policy that is new, gone or different.

    Attributes:
        id: its id.
        kind: `added`, `removed`, `changed` (it means something else) or `reworded` (only annotations).
        before: where it stood, as `file:line`; None if it is new.
        after: where it stands; None if it is gone.
        what: what is different: `effect`, `scope`, `conditions`, or names of annotations.
    """

    id: str
    kind: str
    before: str | None
    after: str | None
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case of a suite that comes out differently.

    Attributes:
        case: `suite: name`.
        side: whose suite it is: `before` or `after`.
        before: the answer and why, by the first bundle.
        after: the answer and why, by the second.
    """

    case: str
    side: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How two bundles differ."""

    policies: tuple[PolicyChange, ...]
    schema: bool
    cases: tuple[CaseChange, ...]

    @property
    def none(self) -> bool:
        """Whether they mean the same and answer alike."""
        return not (self.policies or self.schema or self.cases)

    def to_json(self) -> dict[str, JSON]:
        """Return the difference as JSON values."""
        return {
            "same": self.none,
            "schema": self.schema,
            "policies": [
                {"id": each.id, "kind": each.kind, "before": each.before, "after": each.after, "what": list(each.what)}
                for each in self.policies
            ],
            "cases": [
                {"case": each.case, "suite_of": each.side, "before": each.before, "after": each.after}
                for each in self.cases
            ],
        }


def difference(
    before: PolicyBundle, after: PolicyBundle, suites_before: Iterable[Suite] = (), suites_after: Iterable[Suite] = ()
) -> Difference:
    """Compare two bundles, and run the suites of each on both.

    Raises:
        InputError: a suite asks for what is not there.
    """
    turned = tuple(_cases(before, after, suites_before, "before"))
    told = {(each.case, each.before, each.after) for each in turned}
    also = _cases(before, after, suites_after, "after")
    return Difference(
        tuple(_policies(before.policies, after.policies)),
        before.schema_digest != after.schema_digest,
        (*turned, *(each for each in also if (each.case, each.before, each.after) not in told)),
    )


def _policies(before: Mapping[str, Policy], after: Mapping[str, Policy]) -> Iterator[PolicyChange]:
    for id_ in sorted(before.keys() | after.keys()):
        old, new = before.get(id_), after.get(id_)
        if old is None and new is not None:
            yield PolicyChange(id_, "added", None, new.place, ())
        elif new is None and old is not None:
            yield PolicyChange(id_, "removed", old.place, None, ())
        elif old is not None and new is not None:
            meaning, wording = tuple(_meaning(old.node, new.node)), tuple(_wording(old.node, new.node))
            if meaning or wording:
                kind = "changed" if meaning else "reworded"
                yield PolicyChange(id_, kind, old.place, new.place, (*meaning, *wording))


def _meaning(old: pst.Template, new: pst.Template) -> Iterator[str]:
    if old.effect != new.effect:
        yield "effect"
    if (old.principal, old.action, old.resource) != (new.principal, new.action, new.resource):
        yield "scope"
    if old.clauses != new.clauses:
        yield "conditions"


def _wording(old: pst.Template, new: pst.Template) -> Iterator[str]:
    for name in sorted({*old.annotations, *new.annotations}):
        if old.annotations.get(name) != new.annotations.get(name):
            yield f"@{name}"


def _cases(before: PolicyBundle, after: PolicyBundle, suites: Iterable[Suite], side: str) -> Iterator[CaseChange]:
    for suite in suites:
        for old, new in zip(suite.run(before), suite.run(after), strict=True):
            if old.found != new.found:
                yield CaseChange(f"{suite.name}: {old.case.name}", side, old.found, new.found)
