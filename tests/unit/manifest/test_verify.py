"""A folder agrees with its manifest in every byte, or each difference is a finding."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ManifestError, SourceChanged
from engine.findings import Severity
from engine.manifest import verify_folder
from tests.unit.manifest.builders import model_files, packed


def test_an_untouched_folder_has_no_findings(folder: Path) -> None:
    seen: list[int] = []
    assert verify_folder(folder, packed(folder).manifest, lambda done, _total: seen.append(done)) == []
    assert seen[-1] == sum(map(len, model_files().values()))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def replace_by_link(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("model.safetensors", flip, "digest-mismatch"),
        ("config.json", flip, "digest-mismatch"),
        ("config.json", lambda path: os.truncate(path, 3), "size-mismatch"),
        ("empty.txt", lambda path: path.write_bytes(b"x"), "size-mismatch"),
        ("config.json", lambda path: path.chmod(0o755), "mode-mismatch"),
        ("config.json", Path.unlink, "missing"),
        ("more.txt", Path.touch, "extra"),
        ("hollow", Path.mkdir, "empty-folder"),
        ("pipe", os.mkfifo, "special-file"),
        (".git", Path.mkdir, "path-refused"),
        ("config.json", replace_by_link, "symlink-outside"),
    ],
)
def test_each_difference_is_one_finding(folder: Path, path: str, change: Callable[[Path], object], code: str) -> None:
    manifest = packed(folder).manifest
    change(folder / path)
    [finding] = verify_folder(folder, manifest)
    assert (finding.code, finding.subject, finding.severity) == (code, path, Severity.ERROR)
    assert finding.message
    assert finding.remedy


def test_a_renamed_file_is_missing_under_one_name_and_extra_under_the_other(folder: Path) -> None:
    manifest = packed(folder).manifest
    (folder / "config.json").rename(folder / "settings.json")
    assert [(each.code, each.subject) for each in verify_folder(folder, manifest)] == [
        ("missing", "config.json"),
        ("extra", "settings.json"),
    ]


def test_a_folder_that_is_gone_cannot_be_checked(folder: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be opened"):
        verify_folder(folder / "gone", packed(folder).manifest)


def test_a_file_that_changes_while_it_is_checked_proves_nothing(folder: Path) -> None:
    manifest = packed(folder).manifest

    def meddle(done: int, _total: int) -> None:
        if done == 0:
            flip(folder / "model.safetensors")

    with pytest.raises(SourceChanged):
        verify_folder(folder, manifest, meddle)
