"""Backups as tests make, read and forge them."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.digest import canonical, sha256
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask


def back_up(office: Office, file: Path, **more: Any) -> Any:
    return ask(office, "backup.create", who="sec", file=str(file), **more)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Change members of a backup, and have its manifest agree, as somebody does who may write the file."""
    held = members(file)
    manifest = json.loads(held.pop("backup.json"))
    change(held)
    manifest["files"] = [
        {"path": name.removeprefix("workspace/"), "size": len(body), "sha256": sha256(body)}
        for name, body in sorted(held.items())
    ]
    return archived(file.with_name("changed.tar"), [*held.items(), ("backup.json", canonical(manifest))])


def archived(file: Path, held: list[tuple[str, bytes]], odd: tarfile.TarInfo | None = None) -> Path:
    with tarfile.open(file, "w") as archive:
        if odd is not None:
            archive.addfile(odd, io.BytesIO(bytes(odd.size)))
        for name, body in held:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return file
