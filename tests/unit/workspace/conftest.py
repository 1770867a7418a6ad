"""Builders: a workspace as `lading init` makes it, and two that are partners, in one process."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.workspace.creation import create
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform
from tests.integration.simulator import PartnerSimulator

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme's workspace as it was made; copied, never changed."""
    home = tmp_path_factory.mktemp("made") / "acme"
    create(home, org="acme.example", name="Acme", region="EU", admin="ada")
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A workspace of Acme's to change."""
    return Path(shutil.copytree(made, tmp_path / "acme"))


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    with Office(Layout(home)) as opened:
        yield opened


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLES / "agreement.yaml")
    yield simulator
    simulator.close()


def ask(office: Office, operation: str, who: str | None = "ada", **params: Any) -> Any:
    """Have an operation performed as one of the organization's people."""
    return perform(office, operation, Call(office.mint(who), params, lambda _: None, threading.Event()))


def model(folder: Path, text: str = "{}") -> Path:
    """Write a model of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(text)
    return folder


def hire(home: Path, name: str, *, roles: str) -> None:
    """Add a person to the directory."""
    path = home / "directory.yaml"
    person = (
        f"  - name: {name}\n    identity: {name}@acme.example\n    roles: [{roles}]\n    clearance: restricted\n"
        "    training_expires: 2099-12-31T00:00:00Z\n"
    )
    path.write_text(path.read_text().replace("people:\n", "people:\n" + person))
