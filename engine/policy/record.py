"""A decision as canonical JSON, made of its inputs alone, so that deciding again gives the same bytes.

The format is specified in `docs/formats/decision.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import Final

from engine.digest import JSON, canonical, sha256
from engine.events import timestamp
from engine.policy.bundle import PolicyBundle
from engine.policy.guard import Objection
from engine.policy.mask import NO_MASK, Mask
from engine.policy.model import DECISION_FORMAT, Answer, Condition, Decision, Mode, Request
from engine.text import printable

_ID_LENGTH: Final = 32  # hexadecimal characters
_MAX_TEXT: Final = 2000  # characters of one error message
_ENGINE: Final = f"cedarpy {version('cedarpy')}"


def decision(
    bundle: PolicyBundle,
    request: Request,
    now: datetime,
    *,
    mode: Mode = "enforce",
    mask: Mask = NO_MASK,
    entities: tuple[str, bytes] | None = None,
    raw: str = "",
    failsafe: str | None = None,
    reasons: Sequence[str] = (),
    errors: Sequence[str] = (),
    conditions: Sequence[Condition] = (),
    remedies: Sequence[str] = (),
    obligations: Sequence[str] = (),
) -> Decision:
    """Put a decision together with its record. It permits only if Cedar allowed and no guard spoke.

    Args:
        bundle: what decided.
        request: what was asked.
        now: when.
        mode: whether it binds.
        mask: what the record, its slice and its conditions do not keep.
        entities: digest and canonical JSON of the entities that were reached (see `Question`); None if it did not
            come that far.
        raw: as the attribute of `Decision`, like everything that follows.
        failsafe: the guard that spoke.
        reasons: the determining policies.
        errors: what went wrong.
        conditions: what made a denial.
        remedies: what to do about it.
        obligations: what is asked for.

    Raises:
        Objection: without a failsafe: the request has no canonical form, so that it could not be recorded.
    """
    kept = mask.slice(entities) if entities else None
    drafted = Decision(
        id="",
        decision=Answer.PERMIT if raw == "Allow" and failsafe is None else Answer.DENY,
        failsafe=failsafe,
        raw=raw,
        reasons=tuple(reasons),
        errors=tuple(_short(error) for error in errors),
        conditions=tuple(mask.condition(each, request) for each in conditions),
        remedies=tuple(remedies),
        obligations=tuple(obligations),
        disclosed=tuple(id_ for id_ in reasons if bundle.policies[id_].disclosed),
        bundle_digest=bundle.digest,
        record=b"",
        slice_digest=kept[0] if kept else None,
        slice=kept[1] if kept else None,
    )
    asked: dict[str, JSON] = {"mode": mode, "time": timestamp(now), "schema": bundle.schema_digest}
    asked |= {"entities": drafted.slice_digest, "request": mask.request(request)}
    asked |= {"masked": list(mask.paths)} if mask else {}
    data = _canonical(asked | _answered(drafted))
    return replace(drafted, id=sha256(data)[:_ID_LENGTH], record=data)


def unrecordable(request: Request) -> Objection | None:
    """Return why a request could not be recorded; None if it has a canonical form."""
    try:
        canonical(request.to_json())
    except (ValueError, TypeError, RecursionError) as error:
        return _without_form(error)
    return None


def _answered(decision: Decision) -> dict[str, JSON]:
    """Return the members of a record that say what was answered, and by what."""
    return {
        "format": DECISION_FORMAT,
        "policy": decision.bundle_digest,
        "engine": _ENGINE,
        "decision": decision.decision.value,
        "raw": decision.raw,
        "failsafe": decision.failsafe,
        "reasons": list(decision.reasons),
        "errors": list(decision.errors),
        "conditions": [condition.to_json() for condition in decision.conditions],
        "remedies": list(decision.remedies),
        "obligations": list(decision.obligations),
        "disclosed": list(decision.disclosed),
    }


def _canonical(record: Mapping[str, JSON]) -> bytes:
    try:
        return canonical(record)
    except (ValueError, TypeError, RecursionError) as error:
        # INVARIANT: what cannot be recorded is not answered. Only a failsafe leaves the request's place empty.
        if record["failsafe"] is None:
            raise _without_form(error) from None
        return canonical({**record, "request": None, "conditions": []})  # whose values come from it


def _without_form(error: Exception) -> Objection:
    return Objection("request-refused", f"the facts have no canonical form: {error}")


def _short(text: str) -> str:
    return printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…")
