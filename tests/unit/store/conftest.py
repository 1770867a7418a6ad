"""One organization's store on a real disk, and blobs to put into it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.store import FileKeySource, Scope, Sealer, Store

AGREEMENT = hashlib.sha256(b"acme and borealis").hexdigest()


@dataclass(frozen=True)
class Blob:
    """Content with its digest."""

    data: bytes
    sha256: str


def blob_of(data: bytes) -> Blob:
    return Blob(data, hashlib.sha256(data).hexdigest())


@pytest.fixture
def make_blob() -> Callable[..., Blob]:
    """Builds content that compresses badly and repeats nowhere: `make_blob(size, seed)`."""

    def build(size: int, seed: int = 0) -> Blob:
        return blob_of(hashlib.shake_128(seed.to_bytes(8, "big")).digest(size))

    return build


@pytest.fixture
def keys(tmp_path: Path) -> FileKeySource:
    return FileKeySource.create(tmp_path / "keys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path, keys: FileKeySource) -> Store:
    return Store(folder, keys)


@pytest.fixture
def agreement() -> str:
    return AGREEMENT


@pytest.fixture
def scope(store: Store, agreement: str) -> Scope:
    return store.open_scope(agreement)


@pytest.fixture
def sealer(folder: Path, scope: Scope, keys: FileKeySource) -> Sealer:
    return Sealer(folder, scope.public, keys.names_key)


@pytest.fixture
def put(sealer: Sealer) -> Callable[[Blob], bool]:
    """Seals a blob under its own digest."""
    return lambda blob: sealer.put(blob.sha256, memoryview(blob.data))


@pytest.fixture
def put_pack(sealer: Sealer) -> Callable[..., bool]:
    """Seals blobs into one pack, each under its own digest."""
    return lambda *blobs: sealer.put_pack([(blob.sha256, memoryview(blob.data)) for blob in blobs])


@pytest.fixture
def files(folder: Path, scope: Scope) -> Callable[[], list[Path]]:
    """Every file in the scope's folder, temporary ones included."""
    return lambda: sorted(path for path in (folder / scope.public.hex()).rglob("*") if path.is_file())
