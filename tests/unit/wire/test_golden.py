"""What was once written on the wire: every later release must read and write it alike."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.errors import UntrustedPeer
from engine.wire import messages
from engine.wire.bitmap import read_bitmap, write_bitmap
from engine.wire.pack import read_pack, write_head
from engine.wire.problem import Problem
from engine.wire.tls import peer_organization

GOLDEN = Path(__file__).parents[2] / "golden" / "wire" / "vectors.json"
VECTORS: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["bitmaps"], ids=lambda vector: vector["text"])
def test_bitmaps(vector: dict[str, Any]) -> None:
    assert list(read_bitmap(vector["text"], vector["total"])) == vector["missing"]
    assert write_bitmap(at in vector["missing"] for at in range(vector["total"])) == vector["text"]


@pytest.mark.parametrize("vector", VECTORS["packs"], ids=lambda vector: len(vector["contents"]))
def test_packs(vector: dict[str, Any]) -> None:
    contents = [bytes.fromhex(content) for content in vector["contents"]]
    body = bytes.fromhex(vector["body"])
    assert [(sha256, bytes(data)) for sha256, data in read_pack(memoryview(body))] == [
        (digest(content), content) for content in contents
    ]
    assert write_head([(digest(content), len(content)) for content in contents]) + b"".join(contents) == body


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["kind"])
def test_messages(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    assert getattr(messages, vector["kind"]).parse(body).body() == body


@pytest.mark.parametrize("vector", VECTORS["problems"], ids=lambda vector: vector["members"]["status"])
def test_problems(vector: dict[str, Any]) -> None:
    members = vector["members"] | {"codes": tuple(vector["members"]["codes"])}
    assert Problem(**members).body() == vector["body"].encode()


@pytest.mark.parametrize("vector", VECTORS["peers"]["leaves"], ids=lambda vector: vector["why"])
def test_peers(vector: dict[str, Any]) -> None:
    leaf, now = base64.b64decode(vector["der"]), datetime.fromisoformat(vector["now"])
    try:
        found = peer_organization(leaf, VECTORS["peers"]["bundles"], now)
    except UntrustedPeer:
        found = None
    assert found == vector["organization"]
