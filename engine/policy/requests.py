"""Requests and entities as JSON files, in Cedar's own formats, for trying policies out.

`samples/request/` holds one of each. A request leaves out `context.now`: deciding states the time.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, JsonValue, TypeAdapter

from engine.policy.documents import Section, read_document
from engine.policy.model import Entity, EntityUid, Request

_REMEDY: Final = "Mend the place it names; samples/request/ shows what is expected."


class _Uid(Section):
    type: str = Field(min_length=1)
    id: str

    def uid(self) -> EntityUid:
        return EntityUid(self.type, self.id)


class _Action(Section):
    type: Literal["Action"]
    id: str


class _Request(Section):
    principal: _Uid
    action: _Action
    resource: _Uid
    context: dict[str, JsonValue]


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
