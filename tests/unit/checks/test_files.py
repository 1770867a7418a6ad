"""Are the files the ones the manifest describes? At the source, in an offer, on arrival."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.checks import arrived_files, offered_files, source_files
from engine.errors import IntegrityError
from engine.findings import Finding, Severity


def seen(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.subject) for finding in findings]


def test_an_untouched_source_folder_is_clean(model: Any) -> None:
    assert seen(source_files(model.folder, model.manifest)) == []


def test_an_altered_file_at_the_source_is_an_error(model: Any) -> None:
    (model.folder / "config.json").write_text('{"architectures": ["Sentimental"]}', encoding="utf-8")
    findings = list(source_files(model.folder, model.manifest))
    assert "config.json" in [finding.subject for finding in findings]
    assert any(finding.severity is Severity.ERROR for finding in findings)


def test_a_source_folder_that_is_gone_is_an_error(model: Any, tmp_path: Path) -> None:
    findings = list(source_files(tmp_path / "gone", model.manifest))
    assert any(finding.severity is Severity.ERROR for finding in findings)


def test_an_offer_as_packed_is_clean(model: Any) -> None:
    assert seen(offered_files(model.manifest.canonical(), model.chunks)) == []


def test_a_manifest_that_cannot_be_read_is_not_clean(model: Any) -> None:
    found = seen(offered_files(model.manifest.canonical()[:-1], model.chunks))
    assert found == [("manifest-unreadable", "manifest")]


def test_a_chunk_map_of_another_artifact_is_an_error(model: Any, rewritten: Any) -> None:
    manifest = rewritten(model.manifest, files=model.manifest.to_json()["files"][1:])
    assert seen(offered_files(manifest.canonical(), model.chunks)) == [("chunk-map-inconsistent", "chunk map")]


def test_files_that_arrived_whole_are_clean(model: Any) -> None:
    assert seen(arrived_files(model.manifest, lambda entry: model.read(entry.path))) == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "digest-mismatch"),
        (lambda data: data[:-1], "size-mismatch"),
        (lambda data: data + b"!", "size-mismatch"),
        (lambda _: b"", "size-mismatch"),
    ],
    ids=["bit flipped", "cut short", "appended to", "emptied"],
)
def test_a_file_that_changed_on_its_way_is_named(model: Any, spoil: Any, code: str) -> None:
    def read(entry: Any) -> Iterable[bytes]:
        data = (model.folder / entry.path).read_bytes()
        return [spoil(data)] if entry.path == "config.json" else [data]

    assert seen(arrived_files(model.manifest, read)) == [(code, "config.json")]


def test_a_mismatch_says_what_was_found_and_expected(model: Any) -> None:
    (finding,) = arrived_files(
        model.manifest,
        lambda entry: [b"x" * entry.size] if entry.path == "config.json" else model.read(entry.path),
    )
    expected = next(file.sha256 for file in model.manifest.files if file.path == "config.json")
    assert finding.message.startswith("found SHA-256 ")
    assert finding.message.endswith(f"expected {expected}")


def test_a_file_without_end_is_read_no_further_than_promised(model: Any) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"\0" * 1024

    found = seen(
        arrived_files(model.manifest, lambda entry: endless() if entry.path == "empty.txt" else model.read(entry.path))
    )
    assert found == [("size-mismatch", "empty.txt")]
    assert taken == 1


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), IntegrityError("GCM", remedy="Send again.")])
def test_a_chunk_that_cannot_be_read_is_a_finding_and_the_other_files_are_still_checked(
    model: Any, error: Exception
) -> None:
    def read(entry: Any) -> Iterator[bytes]:
        if entry.path == "config.json":
            raise error
        yield b"other"

    found = seen(arrived_files(model.manifest, read))
    assert ("file-unreadable", "config.json") in found
    assert len(found) == len(model.manifest.files)
