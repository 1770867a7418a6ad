"""What of an entity or a context does not fit the schema, told by its path. Cedar only says that something does not.

Cedar's validator is asked about conditions that read one attribute each. From what it says follows whether there is
such an attribute, of which type, and whether it may be missing; so Cedar alone interprets the schema. This takes
milliseconds, and is done only for what was refused.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cedarpy import Schema, validate_policies

from engine.digest import JSON
from engine.policy.closure import reference
from engine.policy.lint import UNREACHABLE
from engine.policy.model import Entity, EntityUid
from engine.text import printable

_SHOWN: Final = 5  # misfits named at once
_LONGEST: Final = 80  # characters of a value
_LARGEST: Final = 2**63 - 1
_SAW: Final = re.compile(r"but saw (.+)", re.DOTALL)
_OPTIONAL: Final = "unable to guarantee safety of access"
_EXTENSIONS: Final = frozenset({"datetime", "decimal", "duration", "ipaddr"})
_KINDS: Final[Mapping[str, type]] = {"Bool": bool, "Long": int, "String": str}


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the schema says about one attribute.

    Attributes:
        type: its type as Cedar writes it.
        optional: whether it may be missing.
    """

    type: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of entities and contexts that a schema declares.

    Attributes:
        schema: the schema.
        names: every name it gives to an attribute anywhere.
    """

    schema: Schema
    names: frozenset[str]

    def misfits_of(self, entities: Iterable[Entity]) -> tuple[str, ...]:
        """Return what of some entities does not fit, a sentence each; the first few."""
        found = [misfit for entity in entities for misfit in self._of_entity(entity)]
        return tuple(found[:_SHOWN])

    def misfits_in(self, context: Mapping[str, JSON], action: str) -> tuple[str, ...]:
        """Return what of the context of an action does not fit, a sentence each; the first few."""
        scope = f"principal, action == {EntityUid('Action', action)}, resource"
        return tuple(self._of_record("context", "context", context, scope))[:_SHOWN]

    def _of_entity(self, entity: Entity) -> Iterator[str]:
        uid = f'{entity.uid.type}::"any"'
        scope = "principal, action, resource"
        if self._said(f"{uid} == {uid}", scope):
            yield f"{entity.uid}: the schema declares no entity type {printable(entity.uid.type)}"
            return
        yield from self._of_record(str(entity.uid), uid, entity.attributes, scope)
        for parent in entity.parents:
            # Where this cannot hold, the validator does not look at what stands behind it.
            if not self._said(f'{uid} in {parent.type}::"any" && {uid}.{UNREACHABLE}', scope):
                yield f"{entity.uid}: it stands in {parent}, which the schema does not provide for"

    def _of_record(self, path: str, read: str, values: Mapping[str, JSON], scope: str) -> Iterator[str]:
        for name, value in values.items():
            declared = self._declared(read, name, scope)
            if declared is None:
                yield f"{path}.{printable(name)}: the schema declares no such attribute"
            else:
                yield from self._of_value(f"{path}.{printable(name)}", _at(read, name), value, declared.type, scope)
        for name in sorted(self.names - values.keys()):
            declared = self._declared(read, name, scope)
            if declared is not None and not declared.optional:
                yield f"{path}.{name}: it is missing, expected {_worded(declared.type)}"

    def _of_value(self, path: str, read: str, value: JSON, type_: str, scope: str) -> Iterator[str]:
        if type_.startswith("Set<") and isinstance(value, list | tuple):
            for number, each in enumerate(value):
                # Records in sets are left to Cedar: no condition reads the attributes of just one of them.
                if not type_.startswith("Set<{"):
                    yield from self._of_value(f"{path}[{number}]", read, each, type_[4:-1], scope)
        elif type_.startswith("{") and isinstance(value, Mapping):
            yield from self._of_record(path, read, value, scope)
        elif not _is(value, type_):
            yield f"{path}: found {_shown(value)}, expected {_worded(type_)}"

    def _declared(self, read: str, name: str, scope: str) -> _Declared | None:
        """Return what is declared about an attribute; None if it is not declared."""
        # Whatever is not text cannot be matched by `like`, and the validator says what it is.
        said = self._said(f'{_at(read, name)} like "*"', scope)
        seen = next((match[1] for each in said if (match := _SAW.search(each))), None)
        optional = any(_OPTIONAL in each for each in said)
        if seen is None and said and not all(_OPTIONAL in each for each in said):
            return None
        return _Declared(seen or "String", optional)

    def _said(self, condition: str, scope: str) -> tuple[str, ...]:
        return _said(self.schema, f"permit ({scope}) when {{ {condition} }};")


@lru_cache(4096)
def _said(schema: Schema, policy: str) -> tuple[str, ...]:
    return tuple(each.error for each in validate_policies(policy, schema).errors)


def _at(read: str, name: str) -> str:
    return f"{read}[{json.dumps(name, ensure_ascii=False)}]"


def _is(value: JSON, type_: str) -> bool:
    """Say whether a value is of a type that is neither a set nor a record."""
    if type_ in _KINDS:
        return type(value) is _KINDS[type_] and (type_ != "Long" or -_LARGEST - 1 <= int(value) <= _LARGEST)  # type: ignore[arg-type]
    if type_ in _EXTENSIONS:
        return isinstance(value, str) or (isinstance(value, Mapping) and ("fn" in value or "__extn" in value))
    uid = reference(value)
    return uid is not None and uid.type == type_


def _worded(type_: str) -> str:
    return re.sub(r",(?=})", "", type_)


def _shown(value: JSON) -> str:
    uid = reference(value)
    text = str(uid) if uid else json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
