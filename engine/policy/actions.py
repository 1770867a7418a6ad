"""The action hierarchy of a schema, and policies with their action groups written out.

INVARIANT: no compiled policy needs the action hierarchy to be evaluated. An entity store that was built without
the schema has none: `action in Action::"transfer"` is then false for `send`, and a forbid on the group would not
apply.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from cedarpy import Entities, Schema, pst

ACTION = pst.EntityType("Action")

Members: TypeAlias = Mapping[str, frozenset[str]]
"""Each action with everything that is `in` it, itself included."""


def read_actions(schema: Schema) -> Members:
    """Return the actions of a schema, by id.

    An entity store that was built with a schema holds the schema's actions with all their ancestors: that is read
    back, so that Cedar alone interprets the schema.

    Raises:
        ValueError: an action stands in a namespace, which requests here cannot name.
    """
    members: dict[str, set[str]] = defaultdict(set)
    for entity in json.loads(str(Entities.from_json_str("[]", schema))):
        for uid in (entity["uid"], *entity["parents"]):
            if uid["type"] != "Action":
                raise ValueError(f"the action {uid['type']}::{uid['id']!r} stands in a namespace, expected none")
            members[uid["id"]].add(entity["uid"]["id"])
    return {action: frozenset(within) for action, within in members.items()}


def write_out(policy: pst.Template, members: Members) -> pst.Template:
    """Return `policy` with every group in its scope replaced by the actions in it; unknown ones are left alone."""
    if not isinstance(policy.action, pst.ActionIn):
        return policy
    unknown = {entity.id for entity in policy.action.entities} - members.keys()
    return replace(
        policy,
        action=pst.ActionIn(tuple(pst.EntityUid(ACTION, each) for each in sorted(named(policy, members) | unknown))),
    )


def named(policy: pst.Template, members: Members) -> frozenset[str]:
    """Return the actions that a policy can apply to."""
    match policy.action:
        case pst.ActionEq(entity):
            return frozenset({entity.id})
        case pst.ActionIn(entities):
            return frozenset().union(*(members.get(entity.id, frozenset()) for entity in entities))
        case _:
            return frozenset(members)
