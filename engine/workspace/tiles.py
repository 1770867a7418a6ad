"""The audit log as a folder of files: written from a workspace, checked without one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.static import StaticLog, export_log
from engine.digest import JSON
from engine.workspace.layout import Layout
from engine.workspace.record import pinned_key

Report = Callable[[dict[str, Any]], None]


def write_tiles(home: Path, folder: Path, report: Report) -> dict[str, JSON]:
    """Write the log to a folder, or add what is new to it; see `engine.audit.static`."""
    layout = Layout(home)
    key = pinned_key(layout)
    with LogReader(layout.audit_database) as log:
        checkpoint, added = export_log(log, folder, key, _told(report, "writing"))
    return {
        "folder": str(folder),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "added": added,
    }


def check_tiles(folder: Path, keys: list[NoteKey], report: Report) -> dict[str, JSON]:
    """Compute a folder's tiles and root again from its entries; see `StaticLog.verify`."""
    checkpoint = StaticLog(folder, keys).verify(_told(report, "verifying"))
    return {
        "folder": str(folder),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "ok": True,
    }


def _told(report: Report, step: str) -> Callable[[int, int], None]:
    return lambda done, total: report({"step": step, "done": done, "total": total})
