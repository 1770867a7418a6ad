"""Nothing in a folder is skipped in silence: what an artifact cannot hold is refused by name, with a way out."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ManifestError
from engine.manifest.walk import open_file, opened, walk
from tests.unit.manifest.builders import packed


def refusals(folder: Path) -> dict[str, str]:
    with opened(folder) as root:
        return {finding.subject: finding.code for finding in walk(root).refused}


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("name", "make", "code", "remedy"),
    [
        ("link", link("config.json"), "symlink", "the file itself"),
        ("nested/link", link("../config.json"), "symlink", "the file itself"),
        ("link", link("nested"), "symlink", "the file itself"),
        ("link", link("../secret"), "symlink-outside", "the file itself"),
        ("nested/link", link("../../secret"), "symlink-outside", "the file itself"),
        ("link", link("/etc/passwd"), "symlink-outside", "the file itself"),
        ("link", link(".."), "symlink-outside", "the file itself"),
        ("link", link("nowhere"), "symlink", "the file itself"),
        ("pipe", os.mkfifo, "special-file", "Remove"),
        ("socket", listen, "special-file", "Remove"),
        ("hollow", Path.mkdir, "empty-folder", "Remove"),
        (".git", Path.mkdir, "path-refused", "Remove"),
        (".gitattributes", Path.touch, "path-refused", "Remove"),
        ("nested/.gitignore", Path.touch, "path-refused", "Remove"),
        ("back\\slash", Path.touch, "path-refused", "rename"),
        ("new\nline", Path.touch, "path-refused", "rename"),
        ("u\u0308", Path.touch, "path-refused", "rename"),
    ],
)
def test_what_no_artifact_can_hold_stops_packing(
    folder: Path, name: str, make: Callable[[Path], None], code: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    make(folder / name)
    assert refusals(folder) == {name: code}
    with pytest.raises(ManifestError, match=f"^{folder}: ") as caught:
        packed(folder)
    assert remedy in caught.value.remedy


def test_a_name_that_is_not_utf_8_stops_packing(folder: Path) -> None:
    (folder / os.fsdecode(b"bad\xff")).touch()
    assert refusals(folder) == {"bad\\udcff": "path-refused"}


def test_every_refused_thing_is_counted(folder: Path) -> None:
    for name in ("x", "y", "z"):
        (folder / name).symlink_to("config.json")
    with pytest.raises(ManifestError, match=r"'x' is a symlink.*and 2 more"):
        packed(folder)


def test_what_the_file_system_does_not_give_stops_packing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def fail(path: Any, **how: Any) -> os.stat_result:
        if path == "config.json":
            raise PermissionError(13, "Permission denied")
        return real(path, **how)

    monkeypatch.setattr(os, "stat", fail)
    assert refusals(folder) == {"config.json": "unreadable"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
@pytest.mark.parametrize("name", ["config.json", "nested"])
def test_what_cannot_be_read_stops_packing(folder: Path, name: str) -> None:
    (folder / name).chmod(0)
    try:
        with pytest.raises(ManifestError, match="cannot be read"):
            packed(folder)
    finally:
        (folder / name).chmod(0o700)


def test_a_folder_that_goes_down_for_ever_is_refused(folder: Path) -> None:
    deep = folder.joinpath(*["d"] * 130)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    assert set(refusals(folder).values()) == {"path-refused"}


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="holds no files"):
        packed(tmp_path)


@pytest.mark.parametrize("make", [Path.touch, lambda _: None])
def test_what_is_no_folder_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "model")
    with pytest.raises(ManifestError, match="cannot be opened"):
        packed(tmp_path / "model")


def test_a_symlink_to_the_folder_itself_is_the_users_own_word(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    assert packed(tmp_path / "current") == packed(folder)


def test_a_folder_swapped_for_a_symlink_after_the_walk_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deeper").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deeper" / "vocab.txt").write_text("secret", encoding="utf-8")
    with opened(folder) as root:
        os.close(open_file(root, "nested/deeper/vocab.txt"))
        (folder / "nested").rename(tmp_path / "moved")
        (folder / "nested").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NotADirectoryError):
            open_file(root, "nested/deeper/vocab.txt")


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_is_left_open(folder: Path) -> None:
    before = open_descriptors()
    packed(folder)
    (folder / "link").symlink_to("/")
    with pytest.raises(ManifestError):
        packed(folder)
    assert open_descriptors() == before
