"""Values that no record keeps: masked by their path before anything is hashed.

A path is `context.transfer.initiator`, or the type and attribute of an entity: `User.clearance`. Policy decides by
the true values; the record has `masked` in their place and names the paths, and such a decision cannot be replayed.
What policies themselves say, ids of entities among it, is not masked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from engine.digest import JSON, canonical, parse_json, sha256
from engine.policy.model import Condition, Request

MASKED: Final = "masked"
_LIMIT: Final = 64 << 20


class Mask:
    """Masks values by their paths. Immutable.

    Args:
        paths: the paths.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.paths: tuple[str, ...] = tuple(sorted(set(paths)))

    def __bool__(self) -> bool:
        """Whether it masks anything at all."""
        return bool(self.paths)

    def request(self, request: Request) -> dict[str, JSON]:
        """Return a request in Cedar's JSON format, its context masked."""
        asked = request.to_json()
        return asked | {"context": self._within("context", request.context)} if self else asked

    def slice(self, entities: tuple[str, bytes]) -> tuple[str, bytes]:
        """Return the digest and the canonical JSON of a slice, its attributes masked."""
        if not self:
            return entities
        parsed: Any = parse_json(entities[1], what="the entities of a decision", limit=_LIMIT)
        masked = [{**each, "attrs": self._within(each["uid"]["type"], each["attrs"])} for each in parsed]
        document = canonical(masked)
        return sha256(document), document

    def condition(self, condition: Condition, request: Request) -> Condition:
        """Return a condition, the values it saw masked."""
        if not self:
            return condition
        roots = {"principal": request.principal.type, "resource": request.resource.type}
        return replace(
            condition,
            values={path: MASKED if self._hides(path, roots) else value for path, value in condition.values.items()},
        )

    def _within(self, path: str, values: Mapping[str, JSON]) -> dict[str, JSON]:
        return {name: self._value(f"{path}.{name}", value) for name, value in values.items()}

    def _value(self, path: str, value: JSON) -> JSON:
        if path in self.paths:
            return MASKED
        return self._within(path, value) if isinstance(value, Mapping) and "__entity" not in value else value

    def _hides(self, path: str, roots: Mapping[str, str]) -> bool:
        root, _, rest = path.partition(".")
        named = f"{roots.get(root, root)}.{rest}".removesuffix(" in")
        # What a condition reached through another entity ends in some attribute of it, of whatever type.
        last = path.rpartition(".")[2]
        through = path.count(".") > 1 and root in roots and any(each.endswith(f".{last}") for each in self.paths)
        return through or any(named == each or named.startswith(f"{each}.") for each in self.paths)


NO_MASK: Final = Mask()
