"""Manifests and chunk maps as they were first written: every later release must make and read them alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.manifest import parse_chunk_map, parse_manifest
from engine.manifest.cuts import fixed_cuts, tensor_cuts
from tests.unit.manifest.builders import packed

GOLDEN = Path(__file__).parents[2] / "golden" / "manifest"
DIGESTS: dict[str, dict[str, str]] = json.loads((GOLDEN / "digests.json").read_text(encoding="utf-8"))
CUTS: dict[str, list[Any]] = json.loads((GOLDEN / "cuts.json").read_text(encoding="utf-8"))


def test_the_folder_packs_to_the_same_bytes() -> None:
    result = packed(GOLDEN / "model")
    assert result.manifest.canonical() == (GOLDEN / "packed.json").read_bytes()
    assert result.chunks.canonical() == (GOLDEN / "chunks.json").read_bytes()
    assert result.chunks.digest == DIGESTS["packed"]["chunks"]


@pytest.mark.parametrize("name", DIGESTS)
def test_a_manifest_keeps_its_canonical_form_its_digest_and_its_root(name: str) -> None:
    data = (GOLDEN / f"{name}.json").read_bytes()
    manifest = parse_manifest(data)
    assert manifest.canonical() == data
    assert (manifest.digest, manifest.root) == (DIGESTS[name]["digest"], DIGESTS[name]["root"])


def test_a_chunk_map_keeps_its_canonical_form_and_its_manifest() -> None:
    data = (GOLDEN / "chunks.json").read_bytes()
    assert parse_chunk_map(data, parse_manifest((GOLDEN / "packed.json").read_bytes())).canonical() == data


@pytest.mark.parametrize("cut", CUTS["fixed"], ids=lambda cut: str(cut["size"]))
def test_files_are_cut_at_the_same_places(cut: Any) -> None:
    assert list(fixed_cuts(cut["size"])) == cut["pieces"]


@pytest.mark.parametrize("cut", CUTS["tensors"], ids=lambda cut: str(len(cut["tensors"])))
def test_tensors_are_cut_at_the_same_places(cut: Any) -> None:
    assert list(tensor_cuts(cut["tensors"])) == cut["pieces"]
