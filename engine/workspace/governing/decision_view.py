"""Recorded decisions as a screen sees them: read from the log, whatever somebody wrote into it.

A decision's row is a row of the log, so that its proof can be checked like any other. What it says beyond the row
stands in the payload that the leaf commits to; a payload that was erased, or is another one, says nothing here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.audit.reader import LogReader, Row
from engine.digest import is_digest, sha256
from engine.errors import LadingError
from engine.workspace.followed import text
from engine.workspace.log.view import LogRow, LogView, log_row

SHOWN_OF_DIGEST: Final = 12
_PREFIX: Final = "decision."
_ID_LENGTH: Final = 32


class Verdict(StrEnum):
    """What policy said."""

    PERMIT = "permit"
    DENY = "deny"
    FAILSAFE = "failsafe"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionView:
    """One condition that made a denial, as `docs/formats/decision.md` has it; values as text, by path."""

    policy: str
    text: str
    holds: bool | None
    values: tuple[tuple[str, str], ...]
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """One recorded decision.

    Attributes:
        row: its row of the log.
        verdict: what policy said.
        shadow: True when a candidate said it, and nobody acted on it.
        id: the decision's id; empty without a record.
        who: the name of the one who asked, or the pseudonym where the name is gone.
        action: what was to be done.
        resource: to what: type and id, digests shortened.
        reasons: the determining policies.
        because: the failsafe, or the determining policies, or `no-permit`.
        conditions: what made a denial.
        remedies: what a person can do.
        obligations: what is asked for beyond.
        errors: what could not be evaluated.
        bundle: digest of the bundle that decided.
        record: the record as it was written; empty when it is not there.
        lost: why there is no record, or empty.
    """

    row: LogRow
    verdict: Verdict
    shadow: bool
    id: str
    who: str
    action: str
    resource: str
    reasons: tuple[str, ...]
    because: tuple[str, ...]
    conditions: tuple[ConditionView, ...]
    remedies: tuple[str, ...]
    obligations: tuple[str, ...]
    errors: tuple[str, ...]
    bundle: str
    record: str
    lost: str

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies that matter: the determining ones, or those whose conditions made the denial; each once."""
        return tuple(dict.fromkeys(self.reasons or (condition.policy for condition in self.conditions)))


class DecisionsView:
    """The decisions of a workspace.

    All methods raise `LadingError` when the log is there but cannot be read.

    Args:
        database: the audit log.
        log: the view of it.
    """

    def __init__(self, database: Path, log: LogView) -> None:
        self._path = database
        self._log = log

    def read(self, index: int) -> DecisionView | None:
        """Return the decision in a row of the log; None when the database has none there."""
        reader = self._log.opened()
        rows = reader.rows(index, 1) if reader else []
        fitting = reader is not None and rows and rows[0].index == index and _is_decision(rows[0])
        return _decision(reader, rows[0]) if reader is not None and fitting else None

    def find(self, start: int, count: int) -> list[int]:
        """Return which rows from `start` on are decisions, from any thread."""
        with LogReader(self._path) as reader:
            return [row.index for row in reader.rows(start, count) if _within(row, start, count)]

    def scan(self, start: int, count: int) -> list[DecisionView]:
        """Return the decisions among the rows from `start` on for a search, from any thread."""
        with LogReader(self._path) as reader:
            return [_decision(reader, row) for row in reader.rows(start, count) if _within(row, start, count)]


def _within(row: Row, start: int, count: int) -> bool:
    return row.index < start + count and _is_decision(row)


def _is_decision(row: Row) -> bool:
    return row.type.startswith(_PREFIX)


def _decision(reader: LogReader, row: Row) -> DecisionView:
    payload, lost = _payload(reader, row.index)
    name = payload.get("actor")
    shown = log_row(row, name if isinstance(name, str) else None)
    record = text(payload.get("record"))
    said = _object(record)
    shadow = row.type == "decision.shadow"
    failsafe = text(said.get("failsafe"))
    reasons = _texts(said.get("reasons"))
    answer = row.decision if not shadow else Verdict.FAILSAFE if failsafe else text(said.get("decision"))
    asked = said.get("request")
    asked = asked if isinstance(asked, dict) else {}
    return DecisionView(
        row=shown,
        verdict=Verdict(answer) if answer in set(Verdict) else Verdict.UNKNOWN,
        shadow=shadow,
        id=sha256(record.encode())[:_ID_LENGTH] if said else "",
        who=shown.name or row.actor,
        action=text(payload.get("action")) or _uid(asked.get("action"))[1],
        resource="::".join(part for part in _uid(asked.get("resource")) if part),
        reasons=reasons,
        because=_texts(payload.get("because")) or ((failsafe,) if failsafe else reasons),
        conditions=_conditions(said.get("conditions")),
        remedies=_texts(said.get("remedies")),
        obligations=_texts(said.get("obligations")),
        errors=_texts(said.get("errors")),
        bundle=row.policy or "",
        record=record if said else "",
        lost=lost if lost or said else "its record is not in its payload",
    )


def _payload(reader: LogReader, index: int) -> tuple[Mapping[str, Any], str]:
    try:
        payload = reader.entry(index).payload
    except LadingError as error:
        return {}, str(error)
    return ({}, "its payload was erased") if payload is None else (payload, "")


def _object(record: str) -> dict[str, Any]:
    try:
        said = json.loads(record) if record else {}
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _uid(value: object) -> tuple[str, str]:
    """Return type and id of an entity in Cedar's JSON."""
    if not isinstance(value, dict):
        return "", ""
    id_ = text(value.get("id"))
    return text(value.get("type")), id_[:SHOWN_OF_DIGEST] if is_digest(id_) else id_


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _conditions(value: object) -> tuple[ConditionView, ...]:
    found = value if isinstance(value, list) else []
    return tuple(_condition(each) for each in found if isinstance(each, dict))


def _condition(said: Mapping[str, Any]) -> ConditionView:
    holds, values = said.get("holds"), said.get("values")
    seen = values if isinstance(values, dict) else {}
    return ConditionView(
        policy=text(said.get("policy")),
        text=text(said.get("condition")),
        holds=holds if isinstance(holds, bool) else None,
        values=tuple((path, _value(seen[path])) for path in sorted(seen)),
        remedy=text(said.get("remedy")),
    )


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
