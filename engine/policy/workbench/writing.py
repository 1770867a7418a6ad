"""Suites written by lading: situations, with the answers they get, as a YAML file for people to review.

What most situations share becomes the world and the defaults; each case says what is different about it.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import yaml

from engine.digest import JSON, canonical
from engine.events import timestamp
from engine.policy.closure import reference
from engine.policy.model import Answer, Entity, EntityUid, Request
from engine.policy.workbench.situation import Situation
from engine.text import printable

_Item = TypeVar("_Item")
_WIDTH: Final = 118
_SCHEMA: Final = "# docs/formats/suite.md specifies the format."


@dataclass(frozen=True, slots=True)
class Written:
    """A case to be written.

    Attributes:
        name: a sentence for its name.
        situation: what it asks; its entities are those that matter.
        expect: the answer.
        because: all that decides.
        remarks: comments to stand before it, a line each.
    """

    name: str
    situation: Situation
    expect: Answer
    because: Sequence[str]
    remarks: Sequence[str] = ()


def write_suite(name: str, cases: Sequence[Written], remarks: Sequence[str]) -> str:
    """Return the text of a suite of these cases; there has to be one at least.

    Args:
        name: what reports show.
        cases: the cases, in order.
        remarks: comments to stand at the top, a line each.
    """
    shared = _shared([case.situation for case in cases])
    request = shared.request
    head = {
        "suite": name,
        "now": timestamp(shared.now),
        "entities": {str(uid): _entity(entity) for uid, entity in sorted(shared.entities.items())},
        "defaults": {
            "request": {
                "principal": str(request.principal),
                "action": request.action,
                "resource": str(request.resource),
            },
            "context": dict(request.context),
        },
    }
    body = "\n".join(_case(case, shared) for case in cases)
    return f"{_comments([*remarks, _SCHEMA])}\n{_yaml(head)}\ncases:\n{body}"


def _shared(situations: Sequence[Situation]) -> Situation:
    """Return what the situations have in common, and where they differ, what occurs most often."""
    requests = [each.request for each in situations]
    return Situation(
        Request(
            _common((each.principal for each in requests), str),
            _common((each.action for each in requests), str),
            _common((each.resource for each in requests), str),
            _common_record([each.context for each in requests]),
        ),
        _world(situations),
        _common((each.now for each in situations), timestamp),
    )


def _common_record(records: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    common: dict[str, JSON] = {}
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record[name] for record in records if name in record]
        if 2 * len(values) < len(records):
            continue
        inner = [each for each in values if _is_record(each)]
        common[name] = _common_record(inner) if len(inner) == len(values) else _common(values, canonical)  # type: ignore[arg-type]
    return common


def _common(values: Iterable[_Item], key: Callable[[_Item], Hashable]) -> _Item:
    """Return the value that occurs most often, of equals the first."""
    found = list(values)
    (most, _), *_ = Counter(map(key, found)).most_common(1)
    return next(value for value in found if key(value) == most)


def _world(situations: Sequence[Situation]) -> Mapping[EntityUid, Entity]:
    uids = dict.fromkeys(uid for each in situations for uid in each.entities)
    return {
        uid: _common(
            (each.entities[uid] for each in situations if uid in each.entities),
            lambda entity: canonical(entity.to_json()),
        )
        for uid in uids
    }


def _case(case: Written, shared: Situation) -> str:
    asked, given = case.situation.request, shared.request
    differing = {
        "principal": str(asked.principal) if asked.principal != given.principal else None,
        "action": asked.action if asked.action != given.action else None,
        "resource": str(asked.resource) if asked.resource != given.resource else None,
    }
    changes = dict(_changes(given.context, asked.context, "context"))
    if case.situation.now != shared.now:
        changes["context.now"] = timestamp(case.situation.now)
    written: dict[str, Any] = {
        "name": case.name,
        "request": {field: value for field, value in differing.items() if value is not None},
        "with": changes,
        "entities": {
            str(uid): _difference(shared.entities[uid], entity)
            for uid, entity in case.situation.entities.items()
            if _differs(entity.to_json(), shared.entities[uid].to_json())
        },
        "expect": case.expect.value,
        "because": list(case.because),
    }
    lines = _yaml({field: value for field, value in written.items() if value != {}}).rstrip("\n").split("\n")
    listed = [f"  - {lines[0]}", *(f"    {line}" for line in lines[1:])]
    return "\n".join([*(f"  {line}" for line in _comments(case.remarks).rstrip("\n").split("\n")), *listed]) + "\n"


def _changes(given: Mapping[str, JSON], asked: Mapping[str, JSON], path: str) -> Iterator[tuple[str, JSON]]:
    """Yield what to set, by path, to turn one record into another; null takes a value away."""
    for name in sorted(given.keys() | asked.keys()):
        old, new = given.get(name), asked.get(name)
        if not _differs(old, new):
            continue
        if _is_record(old) and _is_record(new):
            yield from _changes(old, new, f"{path}.{name}")  # type: ignore[arg-type]
        else:
            yield f"{path}.{name}", new


def _differs(one: JSON, other: JSON) -> bool:
    """Compare as JSON does: for Python, 1 is true and 0 false."""
    return canonical(one) != canonical(other)


def _is_record(value: JSON) -> bool:
    named_simply = isinstance(value, Mapping) and not any("." in name for name in value)
    return named_simply and reference(value) is None and "__extn" not in value  # type: ignore[operator]


def _entity(entity: Entity) -> dict[str, Any]:
    parents: dict[str, Any] = {"parents": [str(uid) for uid in entity.parents]} if entity.parents else {}
    return ({"attrs": dict(entity.attributes)} if entity.attributes else {}) | parents


def _difference(shared: Entity, entity: Entity) -> dict[str, Any]:
    names = shared.attributes.keys() | entity.attributes.keys()
    attributes = {
        name: entity.attributes.get(name)
        for name in sorted(names)
        if _differs(shared.attributes.get(name), entity.attributes.get(name))
    }
    written: dict[str, Any] = {"attrs": attributes} if attributes else {}
    if entity.parents != shared.parents:
        written["parents"] = [str(uid) for uid in entity.parents]
    return written


def _comments(lines: Iterable[str]) -> str:
    return "".join(f"# {printable(' '.join(line.removeprefix('# ').split()))}\n" for line in lines)


class _Dumper(yaml.SafeDumper):
    """Writes text that a person could not see, or that YAML takes for a line's end, with escapes."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)


def _yaml(value: object) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None
    )
    return text
