"""YAML as people write it, without its traps: no guessed types, no aliases, no tags, no repeated keys.

A plain scalar is null, true, false, a decimal number or text. YAML 1.1 would read the region `NO` as false, `1:30`
as 90 and a date as a Python object, and a page of aliases would grow to fill the memory.
"""

import re
from collections.abc import Hashable
from typing import Any, ClassVar, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"


class StrictLoader(yaml.SafeLoader):
    """A YAML loader for hostile or careless authors; give it text, not bytes."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what makes a document more than the tree it looks like."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.constructor.ConstructorError(None, None, "found an anchor or alias", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.constructor.ConstructorError(None, None, f"found the tag {event.tag!r}", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """Refuse keys that are not text, and keys that stand twice."""
        seen: set[str] = set()
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        for key, _ in pairs:
            if key.tag != _TAG + "str":
                raise yaml.constructor.ConstructorError(None, None, "found a key that is not text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key {key.value!r} twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _kind, _pattern, _starts in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]{0,17})", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,32}([eE][-+]?[0-9]{1,3})?", list("-0123456789")),
):
    StrictLoader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _starts)


def parse_yaml(text: str) -> object:
    """Parse one YAML document into JSON-like values.

    Raises:
        ValueError: it is not YAML, or uses what is refused here; the message names line and column.
    """
    try:
        return yaml.load(text, StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem}; expected plain YAML") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None
