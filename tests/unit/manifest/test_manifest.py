"""One meaning has one manifest, one digest; whatever else comes from outside is refused."""

import json
import tracemalloc
from typing import Any

import pytest
from pydantic import ValidationError

from engine.digest import canonical, sha256
from engine.errors import ManifestError
from engine.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    manifest_schema,
    parse_chunk_map,
    parse_manifest,
    root_digest,
)
from engine.manifest.manifest import MAX_FILES
from tests.unit.manifest.builders import described, entry, manifest_of


def outside(**fields: Any) -> bytes:
    """Canonical bytes of a manifest as a stranger may have written it: nothing sorted or completed."""
    complete = {
        "sensitivity": "internal",
        "residency": [],
        "lineage": [],
        "datasets": [],
        "hyperparameters": {},
        "dependencies": [],
        "metrics": [],
        "reproducibility": {"claim": "none", "expected": []},
    }
    return canonical(described(**(complete | fields)))


def test_a_canonical_manifest_is_read_and_written_alike() -> None:
    data = outside()
    manifest = parse_manifest(data)
    assert manifest.canonical() == data
    assert manifest.digest == sha256(data)


def test_the_order_things_were_stated_in_does_not_change_the_digest() -> None:
    datasets = [{"name": "snli"}, {"name": "snli", "role": "test"}, {"name": "eli5"}]
    parents = [{"name": "b", "relation": "merge"}, {"name": "a", "relation": "merge"}]
    one = manifest_of(residency=["US", "EU"], datasets=datasets, lineage=parents)
    other = manifest_of(residency=["EU", "US"], datasets=datasets[::-1], lineage=parents[::-1])
    assert one.digest == other.digest


def test_the_root_names_the_files_and_nothing_else() -> None:
    one = manifest_of()
    other = manifest_of(name="other", version="9", created="2027-01-01T00:00:00Z", organization="borealis.example")
    assert one.root == other.root
    assert one.digest != other.digest


@pytest.mark.parametrize("change", [{"path": "c"}, {"size": 1}, {"sha256": "0" * 64}, {"executable": True}])
def test_the_root_moves_with_every_property_of_a_file(change: dict[str, Any]) -> None:
    assert manifest_of(files=[entry("a")]).root != manifest_of(files=[entry("a") | change]).root


def test_the_root_is_the_digest_anybody_can_compute() -> None:
    manifest = manifest_of(files={"a": b"", "b": b"beta"})
    listed = [
        {"executable": False, "path": "a", "sha256": sha256(b""), "size": 0},
        {"executable": False, "path": "b", "sha256": sha256(b"beta"), "size": 4},
    ]
    assert manifest.root == sha256(json.dumps(listed, sort_keys=True, separators=(",", ":")).encode())
    assert root_digest(reversed(manifest.files)) == manifest.root
    assert manifest.size == 4


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"format": "lading/manifest/v2"}, "format"),
        ({"name": "Sentiment!"}, "name"),
        ({"name": "a:b"}, "name"),
        ({"version": "3 1"}, "version"),
        ({"version": "3\n"}, "version"),
        ({"organization": "acme"}, "organization"),
        ({"organization": "acme..example"}, "organization"),
        ({"organization": "ACME.example"}, "organization"),
        ({"created": "2026-06-01T12:00:00"}, "created"),
        ({"created": "2026-06-01T12:00:00.000001Z"}, "created"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "created"),
        ({"licence": "CC-BY-4.0 OR"}, "licence"),
        ({"sensitivity": "secret"}, "sensitivity"),
        ({"residency": ["EU", "EU"]}, "residency"),
        ({"residency": ["Europe"]}, "residency"),
        ({"task": "a\u202eb"}, "task"),
        ({"task": ""}, "task"),
        ({"surprise": 1}, "surprise"),
        ({"hyperparameters": {"rate": [1]}}, "hyperparameters"),
        ({"metrics": [{"name": "a", "dataset": "b", "value": 2, "low": 3, "high": 4}]}, "metrics.0"),
        ({"metrics": [{"name": "a", "dataset": "b", "value": "high"}]}, "metrics.0.value"),
        ({"dependencies": [{"purl": "torch"}]}, "dependencies.0.purl"),
        ({"dependencies": [{"purl": "pkg:pypi/torch"}] * 2}, "dependencies"),
        ({"reproducibility": {"claim": "bitwise"}}, "reproducibility"),
        ({"reproducibility": {"expected": ["not-there.json"]}}, "reproducibility.expected"),
        ({"files": []}, "files"),
        ({"files": [entry("b"), entry("a")]}, "files"),
        ({"files": [entry("a"), entry("A")][::-1]}, "files"),
        ({"files": [entry("../a")]}, "files.0.path"),
        ({"files": [entry("a", sha256="A" * 64)]}, "files.0.sha256"),
        ({"files": [entry("a", sha256="0" * 64 + "\n")]}, "files.0.sha256"),
        ({"files": [entry("a", size=-1)]}, "files.0.size"),
        ({"files": [entry("a", size=True)]}, "files.0.size"),
        ({"files": [entry("a", executable=1)]}, "files.0.executable"),
        ({"files": [entry("a", role="magic")]}, "files.0.role"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ManifestError, match=f"the manifest: {where}") as caught:
        parse_manifest(outside(**fields))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(described(), indent=1).encode(),
        outside() + b"\n",
        outside(residency=["US", "EU"]),
        outside(created="2026-06-01T12:00:00Z"),
        outside(created="2026-06-01T14:00:00.000+02:00"),
        outside(task=None),
        canonical(described()),
    ],
    ids=["indented", "newline", "unsorted", "no milliseconds", "another zone", "null", "defaults left out"],
)
def test_another_spelling_of_the_same_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match="canonical"):
        parse_manifest(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"null", b'{"a":1,"a":1}', b"[" * 100_000, b'{"name":NaN}', b'{"name":"\\ud800"}'],
)
def test_what_is_no_manifest_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data)


def test_a_flood_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ManifestError, match="at most 16777216"):
        parse_manifest(b"[" * (MAX_MANIFEST_BYTES + 1))


def test_what_nobody_stated_is_absent() -> None:
    assert "licence" not in manifest_of().to_json()
    assert manifest_of(hyperparameters={"lr": 0.5, "steps": 10, "nesterov": True, "note": ""}).to_json()[
        "hyperparameters"
    ] == {"lr": 0.5, "steps": 10, "nesterov": True, "note": ""}


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_a_number_that_other_languages_would_round_is_refused(number: int) -> None:
    with pytest.raises(ValidationError, match="an integer within"):
        manifest_of(hyperparameters={"seed": number})


def test_a_metric_may_come_with_its_confidence() -> None:
    metric = {"name": "accuracy", "dataset": "sst2", "value": 0.9, "low": 0.88, "high": 0.92, "samples": 872}
    assert manifest_of(metrics=[metric]).to_json()["metrics"] == [metric]


def test_a_claim_that_can_be_repeated_is_accepted() -> None:
    claim = {"claim": "numeric", "command": "make train", "seed": 7, "expected": ["a.txt"]}
    assert manifest_of(reproducibility=claim).reproducibility.expected == ("a.txt",)


def test_nobody_can_change_a_manifest_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        manifest_of().name = "other"  # type: ignore[misc]


def test_the_published_schema_has_every_field() -> None:
    schema: Any = manifest_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    assert set(schema["properties"]) == set(Manifest.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["organization"]["pattern"]


def test_as_many_files_as_there_may_be_are_read_with_their_chunks() -> None:
    digest = sha256(b"a")
    files = [entry(f"{number:05}", b"a") for number in range(MAX_FILES)]
    chunks = [{"path": each["path"], "chunks": [[digest, 1]]} for each in files]
    manifest = parse_manifest(outside(files=files))
    assert len(parse_chunk_map(canonical({"format": "lading/chunks/v1", "files": chunks}), manifest).files) == MAX_FILES


@pytest.mark.parametrize("tiny", [b"[]", b"{}", b'""', b"1"])
def test_many_tiny_values_are_refused_before_any_is_made(tiny: bytes) -> None:
    data = b"[" + b",".join([tiny] * (2 << 20)) + b"]"
    tracemalloc.start()
    with pytest.raises(ManifestError, match="more than 1048576 lists, objects and commas"):
        parse_manifest(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(data) // 8
