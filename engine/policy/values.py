"""The values a condition looked at, as a person reads them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from cedarpy import pst

from engine.digest import JSON
from engine.policy.closure import reference
from engine.policy.model import Entity, EntityUid, Request
from engine.policy.tree import children, path_of, walk

_ABSENT: Final = object()


class Facts:
    """One request with everything it can reach, for looking up paths such as `context.agreement.expires`."""

    def __init__(self, request: Request, context: Mapping[str, JSON], entities: Mapping[EntityUid, Entity]) -> None:
        self._roots: dict[str, object] = {
            "principal": request.principal,
            "action": EntityUid("Action", request.action),
            "resource": request.resource,
            "context": context,
        }
        self._entities = entities

    def seen_by(self, condition: pst.Expr) -> dict[str, JSON]:
        """Return the values at every path in a condition: null where nothing stands, lists sorted.

        Where membership is asked for, `PATH in` lists what the entity at that path is in.
        """
        seen: dict[str, JSON] = {}
        for path in _paths(condition):
            value = self._at(path)
            if value is _ABSENT:
                seen[".".join(path)] = None
            elif (shown := _shown(value)) is not _ABSENT:
                seen[".".join(path)] = shown  # type: ignore[assignment]
        for path in _members(condition):
            value = self._at(path)
            if isinstance(value, EntityUid):
                seen[f"{'.'.join(path)} in"] = [str(uid) for uid in sorted(self._ancestors(value))]
        return seen

    def value_of(self, node: pst.Expr) -> JSON:
        """Return what an expression stands for, in Cedar's JSON format; None if it is neither a path nor a literal."""
        match node:
            case pst.BoolLit(value) | pst.LongLit(value) | pst.StringLit(value):
                return value
            case pst.EntityLit(uid):
                return EntityUid(str(uid.type), uid.id).reference()
            case pst.Set(elements):
                return [self.value_of(each) for each in elements]
        path = path_of(node)
        found = self._at(path) if path else _ABSENT
        return None if found is _ABSENT else found.reference() if isinstance(found, EntityUid) else found  # type: ignore[return-value]

    def _at(self, path: Iterable[str]) -> object:
        first, *names = path
        value = self._roots[first]
        for name in names:
            if isinstance(value, EntityUid):
                entity = self._entities.get(value)
                value = entity.attributes if entity else {}
            value = value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT
            value = reference(value) or value  # type: ignore[arg-type]
        return value

    def _ancestors(self, uid: EntityUid) -> set[EntityUid]:
        found: set[EntityUid] = set()
        waiting = [uid]
        while waiting:
            entity = self._entities.get(waiting.pop())
            fresh = set(entity.parents) - found if entity else set()
            found |= fresh
            waiting += fresh
        return found


def _paths(node: Any) -> Iterator[tuple[str, ...]]:
    """Yield the longest paths of a condition, from left to right."""
    path = path_of(node.base if isinstance(node, pst.HasAttr) else node)
    if path is None:
        for child in children(node):
            yield from _paths(child)
    elif isinstance(node, pst.HasAttr):
        yield (*path, *node.attrs)
    elif path != ("context",):
        yield path


def _members(condition: pst.Expr) -> Iterator[tuple[str, ...]]:
    """Yield the paths whose membership in something is asked for."""
    for node in walk(condition):
        match node:
            case pst.BinaryOp("in", member, _) | pst.Is(member, _, pst.Var() | pst.GetAttr() | pst.EntityLit()):
                path = path_of(member)
                if path is not None:
                    yield path


def _shown(value: object) -> object:
    """Return a value in the simplest JSON that says it; records are left out."""
    match value:
        case EntityUid():
            return str(value)
        case {"__extn": {"arg": argument}}:
            return argument
        case {"fn": str(), "arg": argument}:
            return argument
        case Mapping():
            uid = reference(value)
            return str(uid) if uid else _ABSENT
        case list() | tuple():
            return sorted((shown for each in value if (shown := _shown(each)) is not _ABSENT), key=str)
        case _:
            return value
