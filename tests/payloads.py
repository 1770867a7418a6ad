"""What docs/formats/events.md says of payloads, so that tests can hold it against what is recorded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FORMATS = Path(__file__).parents[1] / "docs" / "formats"
EXAMPLES = FORMATS / "events.examples.jsonl"
ROW = re.compile(r"^\| ((?:`[a-z]+\.[a-z]+`,? ?)+) \| `([a-z_]+)` \| ([^|]+?)(\?)? \|", re.MULTILINE)
BARE = re.compile(r"^\| ((?:`[a-z]+\.[a-z]+`,? ?)+) \| - \|", re.MULTILINE)
TYPE = re.compile(r"`([a-z]+\.[a-z]+)`")


@dataclass(frozen=True)
class Documented:
    """The fields of a type's payload, besides `actor`: those that are always there, and those that may be."""

    always: set[str] = field(default_factory=set)
    sometimes: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        return self.always | self.sometimes


@cache
def documented() -> dict[str, Documented]:
    """Read the page's section on payloads, by type."""
    page = (FORMATS / "events.md").read_text(encoding="utf-8").partition("\n## Payloads\n")[2]
    fields: dict[str, Documented] = {}
    for types, name, _, optional in ROW.findall(page):
        for each in TYPE.findall(types):
            said = fields.setdefault(each, Documented())
            (said.sometimes if optional else said.always).add(name)
    for types in BARE.findall(page):
        fields |= {each: Documented() for each in TYPE.findall(types)}
    return fields


def objections(kind: str, payload: Mapping[str, Any]) -> list[str]:
    """Say what the page has against a payload: fields it does not list, and such as it promises that are not there."""
    said = documented().get(kind)
    if said is None:
        return [f"{kind}: the section 'Payloads' of docs/formats/events.md does not have it"]
    found = set(payload) - {"actor"}
    return [f"{kind}: '{name}' is not documented" for name in sorted(found - said.names)] + [
        f"{kind}: '{name}' is documented as always there, and is not" for name in sorted(said.always - found)
    ]
