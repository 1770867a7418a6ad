"""A change, and applying it to a request and its world."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from engine.digest import JSON
from engine.policy.closure import reference
from engine.policy.model import Entity, EntityUid, Request
from engine.policy.what_if.reach import Act
from engine.text import printable

World: TypeAlias = Mapping[EntityUid, Entity]
Operation: TypeAlias = Literal["set", "add", "remove", "join"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that is stated otherwise.

    Attributes:
        operation: `set` a value, `add` to or `remove` from a set, or `join` a role or project.
        path: such as `context.purpose` or `principal.clearance`; `principal in` for joining.
        value: as JSON text, so that edits can be compared.
        who: who can do it.
    """

    operation: Operation
    path: str
    value: str
    who: str

    @property
    def text(self) -> str:
        """The edit, in words."""
        shown = _shown(json.loads(self.value))
        match self.operation:
            case "set":
                return f"{self.path} = {shown}"
            case "add":
                return f"{self.path} also has {shown}"
            case "remove":
                return f"{self.path} no longer has {shown}"
            case "join":
                return f"principal is in {shown}"


Change: TypeAlias = Edit | Act


def describe(change: Change) -> dict[str, JSON]:
    """Return a change as JSON values: what is done, and by whom."""
    if isinstance(change, Act):
        return {"act": change.name, "who": change.who}
    return {"edit": change.text, "path": change.path, "value": json.loads(change.value), "who": change.who}


def apply(changes: Iterable[Change], request: Request, world: World) -> tuple[Request, World]:
    """Return the request and its world as they are after some changes.

    Raises:
        ValueError: a path leads nowhere.
    """
    context, entities = deepcopy(dict(request.context)), dict(world)
    for change in changes:
        if isinstance(change, Edit):
            _edit(change, request, context, entities)
        else:
            for path, value in change.facts.items():
                _assign(path, value, request, context, entities)
    return replace(request, context=context), entities


def assign(path: str, value: JSON, request: Request, world: World) -> tuple[Request, World]:
    """Return the request and its world with one value set.

    Raises:
        ValueError: the path leads nowhere.
    """
    context, entities = deepcopy(dict(request.context)), dict(world)
    _assign(path, value, request, context, entities)
    return replace(request, context=context), entities


def _edit(edit: Edit, request: Request, context: dict[str, JSON], entities: dict[EntityUid, Entity]) -> None:
    value = json.loads(edit.value)
    if edit.operation == "join":
        group = reference(value)
        if group is None:
            raise ValueError(f"{value!r} is no entity")
        member = entities[request.principal]
        entities[request.principal] = replace(member, parents=(*member.parents, group))
        entities.setdefault(group, Entity(group))
        return
    if edit.operation != "set":
        old = _value(edit.path, request, context, entities)
        kept = [each for each in old if each != value] if isinstance(old, list | tuple) else []
        value = [*kept, value] if edit.operation == "add" else kept
    _assign(edit.path, value, request, context, entities)


def _assign(
    path: str, value: JSON, request: Request, context: dict[str, JSON], entities: dict[EntityUid, Entity]
) -> None:
    root, *names = path.split(".")
    if not names:
        raise ValueError(f"{path!r} is no path, expected one such as context.purpose or principal.clearance")
    if root == "context":
        _put(context, names, value, path)
        return
    if root not in {"principal", "resource"}:
        raise ValueError(f"{path!r} begins with {root!r}, expected context, principal or resource")
    uid = request.principal if root == "principal" else request.resource
    if uid not in entities:
        raise ValueError(f"nothing is known about {uid}")
    attributes = deepcopy(dict(entities[uid].attributes))
    _put(attributes, names, value, path)
    entities[uid] = replace(entities[uid], attributes=attributes)


def _put(values: dict[str, JSON], names: list[str], value: JSON, path: str) -> None:
    *outer, last = names
    for name in outer:
        inner = values.get(name)
        if not isinstance(inner, dict):
            raise ValueError(f"{path}: there is no record {name}")  # noqa: TRY004 - a wrong path, not a wrong type
        values = inner
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value


def _value(path: str, request: Request, context: Mapping[str, JSON], entities: World) -> JSON:
    root, *names = path.split(".")
    uid = request.principal if root == "principal" else request.resource
    value: JSON = context if root == "context" else entities[uid].attributes
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shown(value: JSON) -> str:
    uid = reference(value)
    if uid is not None:
        return str(uid)
    match value:
        case {"__extn": {"arg": str(argument)}}:
            return argument
        case str():
            return printable(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
