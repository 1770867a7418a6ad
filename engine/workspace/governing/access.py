"""Who can do what, asked of a folder of policies with entities from a file. Needs no workspace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue, TypeAdapter

from engine.digest import JSON
from engine.errors import UsageError
from engine.events import system_clock
from engine.policy.bundle import PolicyBundle
from engine.policy.documents import read_document
from engine.policy.engine import PolicyEngine
from engine.policy.model import EntityUid
from engine.policy.requests import load_entities, read_uid
from engine.policy.workbench.access import Access, access, everybody, everything

_CONTEXT: Final = TypeAdapter(dict[str, JsonValue])


def who_can_by_files(
    policies: Path, entities: Path, context: Path | None, action: str, resource: str
) -> dict[str, Any]:
    """Return who of the entities can do something to one of them.

    Raises:
        UsageError: the action or the resource is not known, or the facts do not fit the action.
    """
    engine = PolicyEngine(PolicyBundle.as_it_stands(policies))
    world = {entity.uid: entity for entity in load_entities(entities)}
    about = _uid(resource)
    if about not in world:
        raise UsageError(f"nothing is known about {about}", remedy=f"Describe it in {entities}.")
    if action not in engine.bundle.slices:
        known = ", ".join(sorted(engine.bundle.slices))
        raise UsageError(f"the schema has no action {action!r}", remedy=f"It has {known}.")
    return told(access(engine, everybody(action, about, world, _context(context)), system_clock()))


def what_can_by_files(policies: Path, entities: Path, context: Path | None, principal: str) -> dict[str, Any]:
    """Return what one of the entities can do to the others.

    Raises:
        UsageError: the principal is not known, or the facts fit no action.
    """
    engine = PolicyEngine(PolicyBundle.as_it_stands(policies))
    world = {entity.uid: entity for entity in load_entities(entities)}
    who = _uid(principal)
    if who not in world:
        raise UsageError(f"nothing is known about {who}", remedy=f"Describe it in {entities}.")
    return told(access(engine, everything(engine, who, world, _context(context)), system_clock()))


def told(answers: tuple[Access, ...]) -> dict[str, Any]:
    """Return answers as JSON values; what is no question under the schema and these facts is left out.

    Raises:
        UsageError: nothing is a question.
    """
    asked = [each for each in answers if each.asks]
    if answers and not asked:
        raise UsageError(
            f"these facts fit no such request: {'; '.join(answers[0].decision.errors)}",
            remedy="State every fact the schema demands for the action with --context.",
        )
    return {"answers": [{**each.to_json(), "why": each.why} for each in asked]}


def _context(path: Path | None) -> Mapping[str, JSON]:
    if path is None:
        return {}
    remedy = "Write the facts of the request as a JSON object, without 'now'."
    return read_document(path, _CONTEXT, remedy=remedy)


def _uid(text: str) -> EntityUid:
    try:
        return read_uid(text)
    except ValueError as error:
        raise UsageError(str(error), remedy="Quote it for the shell: 'User::\"ada\"'.") from None
