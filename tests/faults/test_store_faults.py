"""The store under kill -9, full disks, and bytes that change at rest."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.errors import IntegrityError, StoreError
from engine.store import FileKeySource, Inventory, Scope, Sealer, Store

ROOT = Path(__file__).parents[2]
AGREEMENT = "own"


@dataclass(frozen=True)
class House:
    """One store on disk, opened anew whenever it is asked for."""

    folder: Path

    def open(self) -> tuple[Store, Scope]:
        store = Store(self.folder / "store", FileKeySource(self.folder / "keys"))
        return store, store.open_scope(AGREEMENT)

    def sealer(self) -> Sealer:
        _, scope = self.open()
        return Sealer(self.folder / "store", scope.public, FileKeySource(self.folder / "keys").names_key)

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.sealer().put(sha256, memoryview(data))
        return sha256

    def put_pack(self, *contents: bytes) -> list[str]:
        digests = [hashlib.sha256(data).hexdigest() for data in contents]
        self.sealer().put_pack([(sha256, memoryview(data)) for sha256, data in zip(digests, contents, strict=True)])
        return digests

    def read(self, sha256: str) -> bytes:
        store, scope = self.open()
        return store.read(scope, sha256)

    def inventory(self) -> Inventory:
        store, scope = self.open()
        return store.fsck(scope)

    def files(self, kind: str = "*") -> list[Path]:
        return sorted(self.folder.glob(f"store/*/{kind}/*"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    FileKeySource.create(tmp_path / "keys")
    return House(tmp_path)


# What a listener does, in a process of its own; each digest is printed once `put` acknowledged it.
LISTENER = """
import hashlib, os, signal, sys, threading
from pathlib import Path
from engine.store import FileKeySource, Sealer, Store

folder = Path(sys.argv[1])
keys = FileKeySource(folder / "keys")
sealer = Sealer(folder / "store", Store(folder / "store", keys).open_scope("own").public, keys.names_key)

def put(data):
    sha256 = hashlib.sha256(data).hexdigest()
    sealer.put(sha256, memoryview(data))
    os.write(1, (sha256 + "\\n").encode())

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
"""

ENDLESS = """
def deliver():
    while True:
        put(os.urandom(1_500_000))

for _ in range(3):
    threading.Thread(target=deliver).start()
"""

LAST_ACT = """
put(b"acknowledged")
{fault}
put(b"interrupted" * 10_000)
"""


@contextmanager
def running(script: str, house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run a listener for as long as the block runs; then kill -9."""
    command = [sys.executable, "-c", LISTENER + script, str(house.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as listener:
        try:
            yield listener
        finally:
            listener.kill()


@pytest.mark.parametrize("acknowledged", [1, 5, 12])
def test_what_was_acknowledged_before_a_kill_reads_back_and_nothing_half_written_is_seen(
    house: House, acknowledged: int
) -> None:
    with running(ENDLESS, house) as listener:
        assert listener.stdout is not None
        digests = [listener.stdout.readline().decode().strip() for _ in range(acknowledged)]
        listener.kill()
        digests += listener.stdout.read().decode().split()

    inventory = house.inventory()

    assert set(digests) <= inventory.intact
    assert inventory.findings == ()
    assert house.files("tmp") == []
    assert all(hashlib.sha256(house.read(sha256)).hexdigest() == sha256 for sha256 in digests)


@pytest.mark.parametrize(
    ("fault", "visible"),
    [
        ("os.write = lambda fd, data, write=os.write: die(write(fd, data[: len(data) // 2]))", False),
        ("os.fsync = die", False),
        ("os.rename = die", False),
        ("os.rename = lambda *paths, rename=os.rename: die(rename(*paths))", True),
    ],
    ids=["inside the write", "before the sync", "before the rename", "after the rename"],
)
def test_a_kill_at_each_step_of_a_put_shows_the_whole_blob_or_none(
    house: House,
    fault: str,
    visible: bool,  # noqa: FBT001
) -> None:
    with running(LAST_ACT.format(fault=fault), house) as listener:
        out, _ = listener.communicate(timeout=60)
    assert listener.returncode == -signal.SIGKILL
    assert len(house.files("tmp")) == (0 if visible else 1)

    inventory = house.inventory()

    expected = {hashlib.sha256(b"acknowledged").hexdigest()}
    assert out.decode().split() == sorted(expected)
    if visible:
        expected.add(hashlib.sha256(b"interrupted" * 10_000).hexdigest())
    assert inventory.intact == expected
    assert inventory.findings == ()
    assert house.files("tmp") == []
    assert house.read(house.put(b"interrupted" * 10_000)) == b"interrupted" * 10_000


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_may_not_grow_fails_clearly_and_leaves_nothing(house: House) -> None:
    data = os.urandom(3_000_000)
    sealer = house.sealer()

    with largest_file(1_000_000), pytest.raises(StoreError, match="File too large") as caught:
        sealer.put(hashlib.sha256(data).hexdigest(), memoryview(data))

    assert "Free space" in caught.value.remedy
    assert house.files() == []
    assert house.read(house.put(data)) == data


# Runs in a mount namespace of its own, on a disk of 8 MiB.
SMALL_DISK = """
import hashlib, json, os, sys
from pathlib import Path
from engine.errors import StoreError
from engine.store import FileKeySource, Sealer, Store

disk = Path(sys.argv[1])
keys = FileKeySource.create(disk / "keys")
store = Store(disk / "store", keys)
scope = store.open_scope("own")
sealer = Sealer(disk / "store", scope.public, keys.names_key)
held = []

def put(size):
    data = os.urandom(size)
    sha256 = hashlib.sha256(data).hexdigest()
    sealer.put(sha256, memoryview(data))
    held.append(sha256)

def fill():
    try:
        while True:
            put(1_500_000)
    except StoreError as error:
        return error

error, first = fill(), list(held)
report = {
    "message": str(error),
    "remedy": error.remedy,
    "acknowledged": len(first),
    "intact": store.fsck(scope).intact == set(first),
    "left": len(list(disk.glob("store/*/tmp/*"))),
    "free": store.free_bytes(),
}
try:
    store.export_file(scope, first[:1], disk / "out/file", sha256=first[0], executable=False)
except StoreError as full:
    report["export"] = str(full)
report["exported"] = os.listdir(disk / "out")
store.discard(scope, held[:1])
put(1_000_000)
report["after"] = store.has(scope, held[-1])
print(json.dumps(report))
"""


def test_a_full_disk_fails_clearly_and_leaves_nothing(tmp_path: Path) -> None:
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    namespace = [unshare or "", "--user", "--map-root-user", "--mount"]
    tmpfs = f'{mount} -t tmpfs -o size=8m small "$1"'
    shell = ["/bin/sh", "-c", f'{tmpfs} && exec "$2" -c "$3" "$1"', "sh", str(tmp_path), sys.executable]
    probe = [*namespace, "/bin/sh", "-c", tmpfs, "sh", str(tmp_path)]
    if not unshare or not mount or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small tmpfs in a namespace of their own")

    ran = subprocess.run([*namespace, *shell, SMALL_DISK], cwd=ROOT, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)

    assert "No space left on device" in report["message"]
    assert "Free space" in report["remedy"]
    assert report["acknowledged"] >= 4
    assert report["intact"]
    assert report["left"] == 0
    assert report["free"] < 1_600_000
    assert "No space left on device" in report["export"]
    assert report["exported"] == []
    assert report["after"]


def flipped(path: Path, at: int, bit: int = 0x01) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_every_byte_of_a_sealed_file_is_guarded(house: House, bit: int) -> None:
    sha256 = house.put(b"lading")
    (path,) = house.files("blobs")
    intact = path.read_bytes()
    store, scope = house.open()

    for at in range(len(intact)):
        flipped(path, at, bit)
        with pytest.raises(IntegrityError, match=path.name):
            store.read(scope, sha256)
        path.write_bytes(intact)

    assert store.read(scope, sha256) == b"lading"


def test_every_byte_of_a_pack_is_guarded(house: House) -> None:
    digests = house.put_pack(b"lading", b"manifest")
    (path,) = house.files("packs")
    intact = path.read_bytes()

    for at in range(len(intact)):
        flipped(path, at)
        store, scope = house.open()
        inventory = store.fsck(scope)
        assert inventory.findings, f"byte {at}"
        for sha256 in set(digests) - inventory.intact:
            with pytest.raises(IntegrityError, match=path.name):
                store.read(scope, sha256)
        path.write_bytes(intact)

    assert house.inventory().findings == ()


def test_every_frame_of_a_large_blob_is_guarded(house: House) -> None:
    sha256 = house.put(os.urandom(2_500_000))
    (path,) = house.files("blobs")
    frame, first = (1 << 20) + 28, 12 + 32 + 32 + 36 + 16
    intact = path.read_bytes()
    nonces = [first + slot * frame for slot in range(3)]

    for at in (*nonces, *(nonce + 12 for nonce in nonces), *(nonce - 1 for nonce in nonces), len(intact) - 1):
        flipped(path, at)
        with pytest.raises(IntegrityError):
            house.read(sha256)
        path.write_bytes(intact)

    swapped = intact[: nonces[0]] + intact[nonces[1] : nonces[2]] + intact[nonces[0] : nonces[1]]
    path.write_bytes(swapped + intact[nonces[2] :])
    with pytest.raises(IntegrityError, match="frame 0"):
        house.read(sha256)


def test_a_cut_or_extended_file_is_detected_at_every_length(house: House) -> None:
    sha256 = house.put(b"lading")
    (path,) = house.files("blobs")
    intact = path.read_bytes()
    store, scope = house.open()

    for data in (*(intact[:length] for length in range(len(intact))), intact + b"\0", intact * 2):
        path.write_bytes(data)
        with pytest.raises(IntegrityError):
            store.read(scope, sha256)


def test_a_file_cut_after_its_head_was_read_is_not_completed_from_an_older_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = house.put(b"lading")
    (path,) = house.files("blobs")
    store, scope = house.open()
    assert store.read(scope, sha256) == b"lading"
    real = os.preadv

    def cut_first(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        os.truncate(path, path.stat().st_size - 1)
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", cut_first)
    with pytest.raises(IntegrityError, match="it was cut"):
        store.read(scope, sha256)


def test_swapped_blob_files_are_detected(house: House) -> None:
    digests = [house.put(data) for data in (b"the one", b"another")]
    one, other = house.files("blobs")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)

    for sha256 in digests:
        with pytest.raises(IntegrityError, match="another name"):
            house.read(sha256)


def test_a_pack_under_another_name_is_detected(house: House) -> None:
    (sha256,) = house.put_pack(b"lading")
    (path,) = house.files("packs")
    path.rename(path.with_name("0" * 64))

    with pytest.raises(IntegrityError, match="another name"):
        house.read(sha256)


def test_a_pack_in_place_of_a_blob_is_detected(house: House) -> None:
    sha256 = house.put(b"lading")
    house.put_pack(b"lading", b"manifest")
    (blob,), (pack,) = house.files("blobs"), house.files("packs")
    shutil.copy(pack, blob.with_name(pack.name))

    findings = house.inventory().findings

    assert [finding.subject for finding in findings] == [f"blobs/{pack.name}"]
    assert house.read(sha256) == b"lading"


def test_a_file_copied_from_another_agreement_is_useless(house: House) -> None:
    store, scope = house.open()
    other = store.open_scope("other")
    sha256 = house.put(b"lading")
    (path,) = house.files("blobs")
    shutil.copy(path, house.folder / "store" / other.public.hex() / "blobs" / path.name)

    assert not store.has(other, sha256)
    assert [finding.code for finding in store.fsck(other).findings] == ["blob-damaged"]
    assert store.read(scope, sha256) == b"lading"


def test_a_link_in_place_of_a_blob_is_not_followed(house: House) -> None:
    sha256 = house.put(b"lading")
    (path,) = house.files("blobs")
    path.rename(house.folder / "moved")
    path.symlink_to(house.folder / "moved")

    with pytest.raises(StoreError, match="symbolic link"):
        house.read(sha256)
