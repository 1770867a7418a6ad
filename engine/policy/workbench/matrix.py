"""A matrix written out: a case for each principal, action and resource, with a sentence for its name."""

from collections.abc import Iterator, Mapping

from engine.policy.model import EntityUid
from engine.policy.workbench.form import Asked, Case, Matrix, read_uid


def cases_of(matrix: Matrix) -> Iterator[Case]:
    """Yield the cases of a matrix, by principal, resource and action, in the order of the file."""
    permitted = {who: dict(_granted(matrix, who)) for who in matrix.permitted}
    granted = {read_uid(who): rows for who, rows in permitted.items()}
    principals = {read_uid(who): who for who in (*matrix.permitted, *matrix.principals)}
    resources: tuple[str | None, ...] = matrix.resources or (None,)
    for uid, principal in principals.items():
        rows: Mapping[EntityUid | None, tuple[str, ...]] = granted.get(uid, {})
        for resource in resources:
            may = rows.get(read_uid(resource) if resource else None, ())
            for action in dict.fromkeys(matrix.actions):
                yield _case(matrix, principal, action, resource, allowed=action in may)


def _granted(matrix: Matrix, who: str) -> Iterator[tuple[EntityUid | None, tuple[str, ...]]]:
    granted = matrix.permitted[who]
    if isinstance(granted, dict):
        for resource, actions in granted.items():
            yield read_uid(resource), actions
    else:
        yield from ((read_uid(resource), granted) for resource in matrix.resources)
        yield None, granted


def _case(matrix: Matrix, principal: str, action: str, resource: str | None, *, allowed: bool) -> Case:
    told = " ".join([principal, "may" if allowed else "may not", action, *([resource] if resource else [])])
    return Case.model_construct(
        name=f"{matrix.name}: {told}",
        request=Asked(principal=principal, action=action, resource=resource),
        changes=matrix.changes,
        entities=matrix.entities,
        expect="permit" if allowed else "deny",
        because=() if allowed else matrix.because,
    )
