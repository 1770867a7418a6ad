"""The report on a candidate as a screen sees it, whatever release wrote it: what cannot be understood is not there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.workspace.followed import count, text

_PLACED: Final = re.compile(
    r"(?P<place>[^\s:]+\.(?:cedar|cedarschema|yaml|toml)(?::\d+){0,2}):? (?P<rest>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One finding about a candidate; `place` is `file:line:column` as far as it is known."""

    place: str
    code: str
    severity: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitesView:
    """How suites came out. Percentages are None where nobody measured them."""

    passed: int
    failed: int
    failures: tuple[str, ...]
    policies: float | None
    atoms: float | None
    mutation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """What replaying recorded decisions on a candidate showed; each change is a sentence.

    Attributes:
        decisions: how many were replayed.
        unchanged: how many of them came out as before.
        allowed: those that were denied.
        denied: those that were permitted.
        failing: those that a guard would deny.
        reasons: those that come out the same, for other reasons.
        unrepeatable: how many could not be replayed.
    """

    decisions: int
    unchanged: int
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    failing: tuple[str, ...]
    reasons: tuple[str, ...]
    unrepeatable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """What examining a candidate found.

    Attributes:
        summary: the first thing that is wrong, or what replaying showed.
        problems: what is wrong with it, or could be.
        suites: how its own suites came out; None if they were not run.
        active_suites: how the suites of the active bundle came out on it; None if they were not run.
        replay: what it would change; None if nothing was replayed.
    """

    summary: str
    problems: tuple[ProblemView, ...]
    suites: SuitesView | None
    active_suites: SuitesView | None
    replay: ReplayView | None


def read_report(body: object) -> ReportView:
    """Read the report that a candidate's row holds."""
    report = _object(body)
    return ReportView(
        summary=text(report.get("summary")) or text(report.get("effect")),
        problems=tuple(_problem(each) for each in _objects(report.get("problems"))),
        suites=_suites(report.get("suites")),
        active_suites=_suites(report.get("active_suites")),
        replay=_replay(report.get("replay")),
    )


def _object(value: object) -> dict[str, Any]:
    try:
        parsed = json.loads(value) if isinstance(value, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _problem(said: Mapping[str, Any]) -> ProblemView:
    file, code = text(said.get("file")), text(said.get("code"))
    parts = [file, *(str(count(said.get(key))) for key in ("line", "column") if said.get(key))]
    place = ":".join(parts) if file else text(said.get("subject"))
    message = text(said.get("message")).removesuffix(f" ({code})")
    for known in (place, text(said.get("subject"))):
        message = message.removeprefix(f"{known}: ") if known else message
    placed = None if place else _PLACED.fullmatch(message)
    return ProblemView(
        place=placed["place"] if placed else place,
        code=code,
        severity=text(said.get("severity")) or "error",
        message=placed["rest"] if placed else message,
        remedy=text(said.get("remedy")),
    )


def _suites(value: object) -> SuitesView | None:
    if not isinstance(value, dict):
        return None
    return SuitesView(
        passed=count(value.get("passed")),
        failed=count(value.get("failed")),
        failures=_sentences(value.get("failures")),
        policies=_percent(value.get("policies")),
        atoms=_percent(value.get("atoms")),
        mutation=_percent(value.get("mutation")),
    )


def _replay(value: object) -> ReplayView | None:
    if not isinstance(value, dict):
        return None
    return ReplayView(
        decisions=count(value.get("decisions")),
        unchanged=count(value.get("unchanged")),
        allowed=_sentences(value.get("newly_allowed")),
        denied=_sentences(value.get("newly_denied")),
        failing=_sentences(value.get("newly_failing")),
        reasons=_sentences(value.get("other_reasons")),
        unrepeatable=len(_objects(value.get("unrepeatable"))),
    )


def _percent(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sentences(value: object) -> tuple[str, ...]:
    """Return each entry of a list as a sentence: texts as they are, objects as who, what, to what, because."""
    if not isinstance(value, list):
        return ()
    return tuple(each if isinstance(each, str) else _sentence(each) for each in value if isinstance(each, str | dict))


def _sentence(said: Mapping[str, Any]) -> str:
    asked = " ".join(text(said.get(key)) for key in ("principal", "action", "resource") if said.get(key))
    after = said.get("after")
    before, now = _because(said), _because(after) if isinstance(after, dict) else ""
    return (asked or text(said.get("id"))) + (f": {before} -> {now}" if now else f" ({before})" if before else "")


def _because(said: Mapping[str, Any]) -> str:
    because = said.get("because")
    return ", ".join(each for each in because if isinstance(each, str)) if isinstance(because, list) else ""
