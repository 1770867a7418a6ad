"""The audit log as a folder of files: written from a workspace, checked without one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.audit.against_tiles import compare_with_tiles
from engine.audit.checkpoint import open_checkpoint
from engine.audit.note import NoteKey
from engine.audit.pruning import prune
from engine.audit.reader import LogReader
from engine.audit.remembered import Remembered
from engine.audit.static import StaticLog, export_log
from engine.digest import JSON
from engine.workspace.layout import Layout
from engine.workspace.log.problems import explain_problems
from engine.workspace.log.record import cosigners, log_layout, pinned_key

Report = Callable[[dict[str, Any]], None]


def write_tiles(home: Path, folder: Path, report: Report, minimum: int | None = None) -> dict[str, JSON]:
    """Write the log to a folder, or add what is new to it; see `engine.audit.static`.

    Args:
        home: the workspace.
        folder: where to.
        report: told how far it is.
        minimum: the minimum index that the folder is to begin at; None to leave that as it is.
    """
    layout = Layout(home)
    key = pinned_key(layout)
    with LogReader(layout.audit_database) as log:
        checkpoint, added = export_log(log, folder, key, _told(report, "writing"))
        pruned = None if minimum is None else prune(log, folder, minimum, checkpoint.size)
    return {
        "folder": str(folder),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "added": added,
        "minimum_index": minimum,
        "pruned": pruned,
    }


def check_tiles(folder: Path, keys: list[NoteKey], report: Report, minimum: int = 0) -> dict[str, JSON]:
    """Compute a folder's tiles and root again from its entries; see `StaticLog.verify`."""
    static = StaticLog(folder, keys, minimum)
    checkpoint = static.verify(_told(report, "verifying"))
    return {
        "folder": str(folder),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "first": static.start,
        "ok": True,
    }


def _told(report: Report, step: str) -> Callable[[int, int], None]:
    return lambda done, total: report({"step": step, "done": done, "total": total})


def hold_against(
    home: Path, folder: Path, report: dict[str, JSON], progress: Report, minimum: int = 0
) -> dict[str, JSON]:
    """Hold a log that was verified against a folder of its tiles, and return the report with what differs added.

    Args:
        home: the workspace.
        folder: of its tiles.
        report: of the verification.
        progress: told how far it is.
        minimum: the minimum index of the folder.

    Raises:
        InputError: there is no such folder, or a file in it is missing or has another form.
        LogTampered, BadSignature: the folder does not hold together by itself, or the log cannot be read.
    """
    layout = log_layout(home)
    key = pinned_key(layout)
    static = StaticLog(folder, [key], minimum)
    with LogReader(layout.audit_database) as log:
        newest = open_checkpoint(log.newest_checkpoint(), [key]).checkpoint
        found = compare_with_tiles(log, static, newest, _told(progress, "comparing"))
    seen = (*Remembered(layout.remembered).all(key.name), static.note)
    told = explain_problems(
        layout.audit_database, found.problems, key=key, remembered=seen, witnesses=cosigners(layout)
    )
    problems: Any = report["problems"]
    explained: Any = report["explained"]
    added: Any = told["explained"]
    kinds = {each["kind"] for each in explained}
    return report | {
        "ok": report["ok"] and not found.problems,
        "problems": problems + [{"kind": p.kind, "where": p.where, "message": p.message} for p in found.problems],
        "explained": explained + [each for each in added if each["kind"] not in kinds],
        "held": report["held"] or told["held"],
        "tiles": {"size": found.folder.size, "first": static.start, "entries": found.entries, "compared": found.tiles},
    }
