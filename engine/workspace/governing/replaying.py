"""Replaying decisions: of a workspace, or from a file, against a folder of policies."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.digest import canonical, parse_json
from engine.errors import InputError, LadingError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.recorded import MAX_RECORD_BYTES, MAX_SLICE_BYTES, RecordedDecision, as_json
from engine.policy.workbench.replay import ReplayReport, replay, told
from engine.text import printable
from engine.workspace.governing.decisions import recorded_decisions

_LINE: Final = 2 * (MAX_RECORD_BYTES + MAX_SLICE_BYTES)
_REMEDY: Final = "Each line is an object with id, record (text) and entities (text or null), as 'policy export' writes."


def replay_workspace(
    home: Path, candidate: Path, *, since: datetime | None, limit: int | None, progress: Callable[[int], None]
) -> ReplayReport:
    """Replay the decisions of a workspace, newest first."""
    return _replay(recorded_decisions(home, since=since, limit=limit), candidate, progress)


def replay_file(
    path: Path, candidate: Path, *, since: datetime | None, limit: int | None, progress: Callable[[int], None]
) -> ReplayReport:
    """Replay the decisions in a file of JSON lines.

    Raises:
        InputError: a line is not what it should be; the message names it.
        DigestMismatch: a record or its entities are not what their id names.
    """
    from itertools import islice

    wanted = (each for each in read_decisions(path) if since is None or each.now >= since)
    return _replay(islice(wanted, limit), candidate, progress)


def export_decisions(home: Path, out: Path, *, since: datetime | None, limit: int | None) -> int:
    """Write the decisions of a workspace to a file of JSON lines, newest first; return how many there were."""
    from engine.files import write_atomic

    lines = [_line(each) for each in recorded_decisions(home, since=since, limit=limit)]
    write_atomic(out, b"".join(lines), mode=0o600)
    return len(lines)


def read_decisions(path: Path) -> Iterator[RecordedDecision]:
    """Yield the decisions in a file that `export_decisions` wrote.

    Raises:
        InputError, DigestMismatch: as `replay_file`.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            what = f"{path}:{number}"
            try:
                said: Any = parse_json(line, what=what, limit=_LINE)
                found = RecordedDecision.read(
                    said["id"], said["record"].encode(), said["entities"].encode() if said["entities"] else None
                )
                _demand_whole(found)
            except LadingError:
                raise
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise InputError(f"{what} is not a recorded decision: {error!r}", remedy=_REMEDY) from None
            yield found


def markdown(report: ReplayReport) -> str:
    """Word a report for a change request."""
    lines = ["## Replay of recorded decisions", "", report.effect.capitalize() + ".", ""]
    for change in report.changes:
        said = change.to_json()
        before = f"{said['decision']} ({', '.join(change.before.because)})"
        after = f"{change.after.decision.value} ({', '.join(change.after.because)})"
        who, action, what = (_code(str(said[each])) for each in ("principal", "action", "resource"))
        lines += [
            f"- **{change.kind.value}**: {who} {action} {what} at {said['time']}",
            f"  - before: {before}",
            *(f"    - {_code(told(each))}" for each in change.before.record["conditions"]),
            f"  - after: {after}",
            *(f"    - {_code(each.sentence)}" for each in change.after.conditions),
        ]
    if report.unrepeatable:
        lines += ["", f"{len(report.unrepeatable)} decisions could not be replayed."]
    return "\n".join(lines)


def _demand_whole(found: RecordedDecision) -> None:
    """Read all that replaying reads: whoever wrote the file also wrote the digest that its record has."""
    if found.now.tzinfo is None:
        raise ValueError(f"time {found.record['time']!r} has no time zone")
    _ = found.lacks, as_json(found), [told(each) for each in found.record["conditions"]]


def _code(text: str) -> str:
    """Return text as a code span of Markdown that nothing in it can end."""
    text = printable(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"


def _replay(recorded: Iterator[RecordedDecision], candidate: Path, progress: Callable[[int], None]) -> ReplayReport:
    return replay(recorded, PolicyEngine(PolicyBundle.as_it_stands(candidate)), progress)


def _line(each: RecordedDecision) -> bytes:
    entities = canonical([entity.to_json() for entity in each.entities]).decode() if each.entities is not None else None
    return json.dumps({"id": each.id, "record": canonical(each.record).decode(), "entities": entities}).encode() + b"\n"
