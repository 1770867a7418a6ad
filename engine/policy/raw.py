"""Cedar's own answer, with no guard before or behind it: to compare with, never to act on.

Every policy is asked at once, without slices, about all entities that were given. An engine that denied before it
asked Cedar has no raw answer in its record; this tells what it would have been.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from cedarpy import Entities, PolicySet, Schema, is_authorized

from engine.policy.bundle import PolicyBundle
from engine.policy.guard import Raw
from engine.policy.model import Entity, Request, moment
from engine.policy.tree import policy_set

NO_DECISION: Final = "NoDecision"


def raw_answer(bundle: PolicyBundle, request: Request, entities: Iterable[Entity], now: datetime) -> Raw:
    """Ask Cedar alone.

    Args:
        bundle: the policies. Without a schema nothing is checked against one.
        request: what is asked; the time is added where the schema knows it and the request does not bring its own.
        entities: everything that is known.
        now: the moment, with a time zone.
    """
    schemaless = bundle.objection is not None and bundle.objection[0] == "schema-missing"
    clock = {"now": moment(now)} if schemaless or request.action in bundle.clocked else {}
    rules = PolicySet.from_pst(policy_set({id_: policy.node for id_, policy in bundle.policies.items()}))
    asked = request.to_json() | {"context": clock | dict(request.context)}
    schema = None if schemaless else bundle.schema
    try:
        store = Entities.from_json_str(json.dumps([entity.to_json() for entity in entities]), schema)
    except (ValueError, TypeError, RecursionError) as error:
        return Raw(NO_DECISION, (), (str(error),))
    return ask(asked, rules, store, schema)


def ask(request: Mapping[str, Any], rules: PolicySet, store: Entities, schema: Schema | None) -> Raw:
    """Ask Cedar about a request in its JSON format; what Cedar refuses to read is no decision."""
    try:
        result = is_authorized(dict(request), rules, store, schema)
    except (ValueError, TypeError, RecursionError) as error:
        return Raw(NO_DECISION, (), (str(error),))
    diagnostics = result.diagnostics
    return Raw(result.decision.value, tuple(sorted(diagnostics.reasons)), tuple(diagnostics.errors))
