"""Exported files are all there and verified, or none is there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import DigestMismatch, SourceChanged, StoreError, UsageError
from engine.manifest import pack
from engine.manifest.artifact import Artifact
from engine.signing import Signatory
from engine.workspace.custody.exporting import export_files, verification_commands
from engine.workspace.office import Office
from tests.unit.workspace.conftest import model

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def artifact(office: Office, tmp_path: Path) -> Artifact:
    source = model(tmp_path / "source")
    (source / "tools").mkdir()
    (source / "tools" / "run.sh").write_text("#!/bin/sh\n")
    (source / "tools" / "run.sh").chmod(0o755)
    packed = pack(source, name="sentiment", version="1", organization="acme.example", created=NOW)
    return office.registry.add_packed(packed, source, "ada@acme.example")


def export(office: Office, artifact: Artifact, folder: Path) -> list[tuple[int, int]]:
    reports: list[tuple[int, int]] = []
    export_files(office.store, artifact, folder, lambda done, total: reports.append((done, total)))
    return reports


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_file_is_written_as_it_was(office: Office, artifact: Artifact, tmp_path: Path) -> None:
    reports = export(office, artifact, tmp_path / "out" / "model")

    out = tmp_path / "out" / "model"
    assert (out / "config.json").read_text() == "{}"
    assert (out / "tools" / "run.sh").stat().st_mode & 0o111
    assert not (out / "config.json").stat().st_mode & 0o111
    assert reports[-1] == (12, 12)
    assert names(out.parent) == ["model"]


def test_an_empty_folder_is_filled(office: Office, artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    export(office, artifact, tmp_path / "out")

    assert names(tmp_path / "out") == ["config.json", "tools"]


@pytest.mark.parametrize("kind", ["full", "file", "symlink", "dangling"])
def test_what_is_there_is_never_written_over(office: Office, artifact: Artifact, tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    if kind == "full":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    elif kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to(tmp_path / ("elsewhere" if kind == "symlink" else "nowhere"))
    before = names(tmp_path)

    with pytest.raises(UsageError, match="exists and is not an empty folder"):
        export(office, artifact, out)

    assert names(tmp_path) == before
    assert names(tmp_path / "elsewhere") == []


def test_a_source_that_changed_is_found_and_nothing_is_left(office: Office, artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "source" / "tools" / "run.sh").write_text("#!/bin/no\n")
    before = names(tmp_path)

    with pytest.raises(DigestMismatch, match=r"tools/run.sh has SHA-256"):
        export(office, artifact, tmp_path / "out")

    assert names(tmp_path) == before


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "a-symlink-now"])
def test_a_source_file_that_is_gone_is_named(
    office: Office, artifact: Artifact, tmp_path: Path, *, replaced: bool
) -> None:
    gone = tmp_path / "source" / "config.json"
    gone.unlink()
    if replaced:
        gone.symlink_to("/etc/hostname")
    before = names(tmp_path)

    with pytest.raises(SourceChanged, match=f"{gone} cannot be read"):
        export(office, artifact, tmp_path / "out")

    assert names(tmp_path) == before


def test_a_place_that_cannot_be_written_is_named(office: Office, artifact: Artifact) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        export(office, artifact, Path("/proc/out"))


def test_commands_for_other_tools_are_quoted_for_a_shell(artifact: Artifact, tmp_path: Path) -> None:
    ada = Signatory("ada@acme.example", "https://oidc.acme.example")

    model_command, manifest_command = verification_commands(
        artifact, tmp_path / "a b", tmp_path / "bundles", tmp_path / "trust_config.json", ada
    )

    assert f"'{tmp_path}/a b'" in model_command
    assert model_command.startswith("model_signing verify sigstore ")
    assert manifest_command.endswith(f"sha256:{artifact.root}")
