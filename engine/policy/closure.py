"""The entities a request can reach, and the references that lead nowhere.

A policy reads attributes of an entity it reached. If that entity is missing, evaluation fails, and Cedar skips the
policy: a forbid would be gone. So every reference has to resolve before Cedar is asked.

INVARIANT: leaving out what cannot be reached changes neither an answer nor its reasons.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from engine.digest import JSON
from engine.policy.guard import Objection
from engine.policy.model import Entity, EntityUid, Request

_SCALARS: Final = frozenset({str, int, bool, float, type(None)})


def closure(request: Request, entities: Iterable[Entity], named: frozenset[EntityUid]) -> Mapping[EntityUid, Entity]:
    """Return what is reachable from a request by parents and attributes, sorted by name.

    Args:
        request: where to start: its principal, its resource, and what its context refers to.
        entities: all that are known.
        named: entities that the policies name. They are followed if they are known: a policy may name a role
            that nobody has.

    Raises:
        Objection: two entities share a name (`duplicate-entity`), or a reference leads to none
            (`dangling-reference`).
    """
    known = _by_name(entities)
    found: dict[EntityUid, Entity] = {}
    followed = [uid for uid in known if uid in named]  # a slice may name many more than are known
    waiting = [request.principal, request.resource, *references(request.context), *followed]
    while waiting:
        uid = waiting.pop()
        if uid in found:
            continue
        entity = known.get(uid)
        if entity is None:
            raise Objection("dangling-reference", f"nothing is known about {uid}")
        found[uid] = entity
        waiting += entity.parents
        waiting += references(entity.attributes)
    return {uid: found[uid] for uid in sorted(found)}


def ancestry(entities: Mapping[EntityUid, Entity], *uids: EntityUid) -> set[EntityUid]:
    """Return what some entities are in, themselves included.

    Args:
        entities: a closure, which holds all of it.
        uids: where to start.
    """
    found: set[EntityUid] = set()
    waiting = list(uids)
    while waiting:
        uid = waiting.pop()
        if uid not in found:
            found.add(uid)
            waiting += entities[uid].parents
    return found


def _by_name(entities: Iterable[Entity]) -> dict[EntityUid, Entity]:
    given = tuple(entities)
    known = {entity.uid: entity for entity in given}
    if len(known) < len(given):
        for entity in given:
            if known[entity.uid] is not entity:
                raise Objection("duplicate-entity", f"{entity.uid} was given twice")
    return known


def references(value: JSON) -> Iterator[EntityUid]:
    """Yield every entity that a JSON value refers to, at any depth.

    Where the schema expects an entity, Cedar reads `{"type": …, "id": …}` as one, with or without `__entity`
    around it. So everything that looks like a reference counts as one: a record with these two fields is denied
    rather than a reference overlooked.
    """
    stack: list[JSON] = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, Mapping):
            uid = reference(each)
            if uid is not None:
                yield uid
            stack += [inner for inner in each.values() if type(inner) not in _SCALARS]
        elif isinstance(each, list | tuple):
            stack += [inner for inner in each if type(inner) not in _SCALARS]


def reference(value: JSON) -> EntityUid | None:
    """Return the entity that a value refers to, or None if it is no reference."""
    if not isinstance(value, Mapping):
        return None
    inner = value.get("__entity", value)
    if not isinstance(inner, Mapping):
        return None
    type_, id_ = inner.get("type"), inner.get("id")
    return EntityUid(type_, id_) if isinstance(type_, str) and isinstance(id_, str) else None
