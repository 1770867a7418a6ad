"""Whether a decision says anything that the log does not say already: policy is asked about a transfer again and again.

Two decisions say the same if their records differ in nothing but the time: answer, bundle, request, entities, reasons
and conditions are the same. So whoever reads the log knows that nothing else was decided until the next entry.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from engine.digest import JSON, sha256
from engine.policy.model import Decision

_NOW = "context.now"


class Logged(Protocol):
    """An entry of the log, as far as it matters here."""

    @property
    def public(self) -> Mapping[str, str]:
        """The leaf's attributes."""
        ...

    @property
    def payload(self) -> Mapping[str, JSON] | None:
        """The payload, which has `action`, `actor` and `record`; None if it was erased."""
        ...


def former(
    decision: Decision, action: str, named: Mapping[str, str | None], logged: Iterable[Logged]
) -> tuple[str, bytes] | None:
    """Return id and record of the last decision about the same, if it says the same; None if it does not.

    Args:
        decision: what was decided just now.
        action: what was asked.
        named: attributes of its event; the same `actor` has to have asked, about the same `partner`.
        logged: decisions about the same transfer, the newest first.
    """
    said: Any = json.loads(decision.record)
    asked = (action, named.get("actor"), named.get("partner"), _bench(said))
    for entry in logged:
        if entry.payload is None:
            return None  # nobody knows any more what it was about
        data = str(entry.payload["record"]).encode()
        record: Any = json.loads(data)
        if asked == (entry.payload["action"], entry.payload["actor"], entry.public.get("partner"), _bench(record)):
            return (sha256(data)[: len(decision.id)], data) if _timeless(record) == _timeless(said) else None
    return None


def _bench(record: Mapping[str, Any]) -> str | None:
    """Return which candidate in shadow decided; None if it was what decides."""
    return str(record["policy"]) if record["mode"] == "shadow" else None


def _timeless(record: Mapping[str, Any]) -> dict[str, Any]:
    conditions = [
        {**each, "values": {path: value for path, value in each["values"].items() if path != _NOW}}
        for each in record["conditions"]
    ]
    return {**record, "time": None, "conditions": conditions}
