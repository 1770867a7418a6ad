"""Fixtures: policy folders, engines over them, and a handoff under the starter policies."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory, load_directory
from engine.policy.engine import PolicyEngine
from tests.unit.policy.worlds import ROOT, SCHEMA, Handoff

Folder: TypeAlias = Callable[..., Path]
Engine: TypeAlias = Callable[..., PolicyEngine]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write a policy folder: text of `policies.cedar`, more files by name."""

    def write(policies: str, *, schema: str = SCHEMA, files: Mapping[str, str] | None = None) -> Path:
        place = tmp_path / "policies"
        place.mkdir(exist_ok=True)
        written = {"test.cedarschema": schema, "policies.cedar": policies, **(files or {})}
        for name, text in written.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
        return place

    return write


@pytest.fixture
def engine(folder: Folder) -> Engine:
    """An engine over such a folder."""

    def build(policies: str, **more: Any) -> PolicyEngine:
        return PolicyEngine(PolicyBundle.load(folder(policies, **more)))

    return build


@pytest.fixture(scope="session")
def starter() -> PolicyBundle:
    """The policies that ship with lading."""
    return PolicyBundle.load(ROOT / "policies")


@pytest.fixture(scope="session")
def acme() -> Directory:
    """Acme's directory, as the sample has it."""
    return load_directory(ROOT / "samples" / "directory.yaml", "acme.example")


@pytest.fixture
def handoff(starter: PolicyBundle, acme: Directory) -> Handoff:
    """A handoff in which everything is in order."""
    return Handoff(starter, acme)
