"""A model folder and a registry, of one test's own each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.database import open_engine
from engine.manifest.registry import Registry
from tests.unit.manifest.builders import Watch, model_files, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model folder, which a test may spoil."""
    return write_files(tmp_path / "model", model_files())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    engine = open_engine(tmp_path / "state" / "registry.db")
    yield Registry(engine, Watch())
    engine.dispose()
