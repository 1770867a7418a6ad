"""Format version 1: what was sealed once opens for ever, and the page about it suffices to write a reader."""

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from engine.store import FileKeySource, Sealer, Store

GOLDEN = Path(__file__).parents[2] / "golden/store"
VECTORS = json.loads((GOLDEN / "vectors.json").read_text())
BLOBS = [*VECTORS["blobs"], *VECTORS["pack"]["blobs"]]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A copy of the golden store with the permissions that version control does not keep."""
    shutil.copytree(GOLDEN, tmp_path / "golden")
    for key in (tmp_path / "golden/keys").iterdir():
        key.chmod(0o600)
    return tmp_path / "golden"


def read_by_the_page(golden: Path, path: Path) -> dict[str, bytes]:
    """Read a sealed file as docs/formats/store.md says, without the store."""
    wrapping_key, names_key = ((golden / "keys" / name).read_bytes() for name in ("store.key", "store-names.key"))
    (scope_file,) = (golden / "store/scopes").iterdir()
    scope = json.loads(scope_file.read_bytes())
    public = bytes.fromhex(scope["public"])
    info = b"lading/store/wrap/v1\0" + scope["agreement"].encode() + b"\0" + public
    wrap_key = HKDF(SHA256(), 32, salt=None, info=info).derive(wrapping_key)
    private = aes_key_unwrap(wrap_key, bytes.fromhex(scope["private"]))

    data = path.read_bytes()
    count = int.from_bytes(data[8:12], "big")
    first_frame = 12 + 32 + 32 + 36 * count + 16
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    info = b"lading/store/file/v1\0" + public + bytes.fromhex(path.name)
    table = suite.decrypt(data[12:first_frame], X25519PrivateKey.from_private_bytes(private), info)

    cipher, at, contents = AESGCM(table[:32]), first_frame, {}
    for row in range(count):
        digest = table[32 + 36 * row : 64 + 36 * row]
        size = int.from_bytes(table[64 + 36 * row : 68 + 36 * row], "big")
        name = hmac.digest(names_key, public + digest, "sha256")
        content = b""
        for slot in range(max(1, -(-size // 1_048_576))):
            behind = at + 12 + min(size - len(content), 1_048_576) + 16
            associated = name + slot.to_bytes(4, "big") + digest
            content += cipher.decrypt(data[at : at + 12], data[at + 12 : behind], associated)
            at = behind
        contents[digest.hex()] = content
    assert data[:8] == b"lading\0\1"
    assert at == len(data)
    return contents


def test_the_store_reads_the_golden_files(golden: Path) -> None:
    store = Store(golden / "store", FileKeySource(golden / "keys"))
    scope = store.open_scope(VECTORS["agreement"])

    assert scope.public.hex() == VECTORS["public"]
    assert [store.read(scope, blob["sha256"]).hex() for blob in BLOBS] == [blob["content"] for blob in BLOBS]
    assert store.fsck(scope).findings == ()


def test_the_page_is_enough_to_read_the_golden_files(golden: Path) -> None:
    folder = golden / "store" / VECTORS["public"]

    for blob in VECTORS["blobs"]:
        read = read_by_the_page(golden, folder / "blobs" / blob["name"])
        assert read == {blob["sha256"]: bytes.fromhex(blob["content"])}
    assert read_by_the_page(golden, folder / "packs" / VECTORS["pack"]["name"]) == {
        blob["sha256"]: bytes.fromhex(blob["content"]) for blob in VECTORS["pack"]["blobs"]
    }


def test_the_page_is_enough_to_read_what_is_sealed_today(golden: Path, make_blob: Callable[..., Any]) -> None:
    keys = FileKeySource(golden / "keys")
    scope = Store(golden / "store", keys).open_scope(VECTORS["agreement"])
    sealer = Sealer(golden / "store", scope.public, keys.names_key)
    large, small = make_blob(2_500_000), make_blob(5)
    sealer.put(large.sha256, memoryview(large.data))
    sealer.put_pack([(blob.sha256, memoryview(blob.data)) for blob in (small, large)])
    folder = golden / "store" / VECTORS["public"]
    known = {VECTORS["pack"]["name"], *(blob["name"] for blob in BLOBS)}

    for path in (*folder.glob("blobs/*"), *folder.glob("packs/*")):
        if path.name not in known:
            assert (
                read_by_the_page(golden, path).items()
                <= {
                    large.sha256: large.data,
                    small.sha256: small.data,
                }.items()
            )


def test_names_are_the_golden_ones() -> None:
    names_key, public = (GOLDEN / "keys/store-names.key").read_bytes(), bytes.fromhex(VECTORS["public"])

    for blob in BLOBS:
        digest = hashlib.sha256(bytes.fromhex(blob["content"])).digest()
        assert digest.hex() == blob["sha256"]
        assert hmac.digest(names_key, public + digest, "sha256").hex() == blob["name"]
