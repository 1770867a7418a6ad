"""What a case asks, and in which world: defaults, overrides and changes put together."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, JsonValue, TypeAdapter, ValidationError

from engine.digest import JSON
from engine.errors import InputError
from engine.policy.model import Entity, EntityUid, Request
from engine.policy.workbench.form import Case, Differences, EntityForm, SuiteFile, read_uid

REMEDY: Final = "Mend the place it names; samples/suite.yaml explains every field."
_MOMENT: Final = TypeAdapter(AwareDatetime)


@dataclass(frozen=True, slots=True)
class Situation:
    """A request in its world.

    Attributes:
        request: what is asked.
        entities: all that is known, by name.
        now: the clock.
    """

    request: Request
    entities: Mapping[EntityUid, Entity]
    now: datetime


def arrange(file: SuiteFile, world: Mapping[EntityUid, Entity], case: Case) -> Situation:
    """Put the situation of a case together: the defaults, then its entities, then its changes.

    Args:
        file: the suite the case stands in.
        world: the entities of the suite; left as they are.
        case: the case.

    Raises:
        InputError: the case asks for nobody or nothing, or changes a value that is not there.
    """
    try:
        principal, action, resource = _asked(file, case)
        context: dict[str, JSON] = deepcopy(dict(file.defaults.context))
        entities, now = different(world, case.entities), file.now
        for path, value in case.changes.items():
            root, *names = path.split(".")
            if path == "context.now":
                now = _moment(value)
            elif root == "context" and names:
                _change(context, names, value)
            elif root in {"principal", "resource"} and names:
                uid = principal if root == "principal" else resource
                if uid not in entities:
                    raise ValueError(f"changes {path}, but nothing is known about {uid}")  # noqa: TRY301
                attributes = deepcopy(dict(entities[uid].attributes))
                _change(attributes, names, value)
                entities[uid] = replace(entities[uid], attributes=attributes)
            else:
                raise ValueError(f"changes {path}, expected a path in context, principal or resource")  # noqa: TRY301
    except ValueError as error:
        raise InputError(f"suite {file.suite}: the case {case.name!r} {error}", remedy=REMEDY) from None
    return Situation(Request(principal, action, resource, context), entities, now)


def different(world: Mapping[EntityUid, Entity], differences: Differences) -> dict[EntityUid, Entity]:
    """Return a world in which some entities are different, more, or gone.

    Raises:
        ValueError: an entity is to be taken away that is not there.
    """
    entities = dict(world)
    for name, form in differences.items():
        uid = read_uid(name)
        if form is not None:
            entities[uid] = _overridden(entities.get(uid, Entity(uid)), form)
        elif entities.pop(uid, None) is None:
            raise ValueError(f"takes {uid} away, but nothing is known about it")
    return entities


def _overridden(entity: Entity, form: EntityForm) -> Entity:
    attributes: dict[str, JSON] = {**entity.attributes, **form.attrs}
    parents = entity.parents if form.parents is None else tuple(map(read_uid, form.parents))
    return Entity(entity.uid, {name: value for name, value in attributes.items() if value is not None}, parents)


def _asked(file: SuiteFile, case: Case) -> tuple[EntityUid, str, EntityUid]:
    given = file.defaults.request.model_dump(exclude_none=True) | case.request.model_dump(exclude_none=True)
    missing = [field for field in ("principal", "action", "resource") if field not in given]
    if missing:
        raise ValueError(f"names no {', '.join(missing)}")
    return read_uid(given["principal"]), given["action"], read_uid(given["resource"])


def _moment(value: JsonValue) -> datetime:
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        raise ValueError(f"sets context.now to {value!r}, expected a time with a time zone") from None


def _change(values: dict[str, JSON], names: Sequence[str], value: JsonValue) -> None:
    *outer, last = names
    for name in outer:
        inner = values.get(name)
        if not isinstance(inner, dict):
            raise ValueError(f"changes {'.'.join(names)}, but there is no record {name}")  # noqa: TRY004
        values = inner
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value
