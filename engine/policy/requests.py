"""Requests and entities as JSON files, in Cedar's own formats, for trying policies out.

`samples/request/` holds one of each. An entity is named by `{"type": "User", "id": "ada"}`, with or without
`__entity` around it, or as Cedar writes it: `User::"ada"`. A request leaves out
`context.now`: deciding states the time.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from cedarpy import policies_to_pst, pst
from pydantic import BeforeValidator, Field, JsonValue, TypeAdapter

from engine.policy.documents import Section, read_document
from engine.policy.model import Entity, EntityUid, Request

_REMEDY: Final = "Mend the place it names; samples/request/ shows what is expected."


_UID: Final = re.compile(r'[A-Za-z_]\w*(::[A-Za-z_]\w*)*::"(?:[^"\\]|\\.)*"', re.DOTALL | re.ASCII)


def _taken_apart(value: object) -> object:
    """Take the name of an entity apart, whichever way it is written."""
    if isinstance(value, dict) and value.keys() == {"__entity"}:
        return value["__entity"]
    if not isinstance(value, str):
        return value
    uid = read_uid(value)
    return {"type": uid.type, "id": uid.id}


def read_uid(text: str) -> EntityUid:
    """Read an entity's name as Cedar writes it, such as `User::"ada"`.

    Raises:
        ValueError: it is none.
    """
    if _UID.fullmatch(text):
        try:
            (policy,) = policies_to_pst(f"permit (principal == {text}, action, resource);").static_policies.values()
        except ValueError:
            pass
        else:
            if isinstance(policy.principal, pst.ScopeEq) and isinstance(policy.principal.entity, pst.EntityUid):
                return EntityUid(str(policy.principal.entity.type), policy.principal.entity.id)
    raise ValueError(f'found {text!a}, expected an entity such as User::"ada" or {{"type": "User", "id": "ada"}}')


class _Name(Section):
    type: str = Field(min_length=1)
    id: str

    def uid(self) -> EntityUid:
        return EntityUid(self.type, self.id)


class _ActionName(Section):
    type: Literal["Action"]
    id: str


_Uid = Annotated[_Name, BeforeValidator(_taken_apart)]
_Action = Annotated[_ActionName, BeforeValidator(_taken_apart)]


class _Request(Section):
    principal: _Uid
    action: _Action
    resource: _Uid
    context: dict[str, JsonValue] = Field(default_factory=dict)


class _Entity(Section):
    uid: _Uid
    attrs: dict[str, JsonValue] = Field(default_factory=dict)
    parents: tuple[_Uid, ...] = ()


_REQUEST: Final = TypeAdapter(_Request)
_ENTITIES: Final = TypeAdapter(tuple[_Entity, ...])


def load_request(path: Path) -> Request:
    """Read a request.

    Raises:
        InputError: the file is missing, too large, not JSON, or a field is missing, unknown or malformed.
    """
    read = read_document(path, _REQUEST, remedy=_REMEDY)
    return Request(read.principal.uid(), read.action.id, read.resource.uid(), read.context)


def load_entities(path: Path) -> tuple[Entity, ...]:
    """Read entities.

    Raises:
        InputError: the file is missing, too large, not JSON, or a field is missing, unknown or malformed.
    """
    return tuple(
        Entity(each.uid.uid(), each.attrs, tuple(parent.uid() for parent in each.parents))
        for each in read_document(path, _ENTITIES, remedy=_REMEDY)
    )
