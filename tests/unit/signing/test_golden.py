"""What earlier releases wrote must mean the same forever."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.digest import sha256
from engine.events import timestamp
from engine.signing import (
    MANIFEST_REFERENCE,
    MODEL_SIGNATURE,
    OrganizationTrust,
    dump_identities,
    load_identities,
    manifest_statement,
    model_statement,
)
from engine.signing.sandbox.log import TransparencyLog
from engine.signing.trust_document import fingerprint, read_trust, sign_trust, verify_trust

GOLDEN = Path(__file__).parents[2] / "golden" / "signing"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text())
ROOT_KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(3)]


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_statements_have_the_same_bytes() -> None:
    files = [
        ("config.json", sha256(b"{}")),
        ("weights.txt", sha256(b"text")),
        ("weights/model.safetensors", sha256(b"weights")),
    ]

    assert model_statement("sentiment", files) == golden("model-statement.json")
    assert manifest_statement("sentiment", "a" * 64, "b" * 64) == golden("manifest-statement.json")


@pytest.mark.parametrize(("name", "kind"), [("manifest", MANIFEST_REFERENCE), ("model", MODEL_SIGNATURE)])
def test_an_old_bundle_still_verifies_although_its_certificate_has_long_expired(name: str, kind: str) -> None:
    identities = load_identities(GOLDEN / "identities.toml")["acme.example"]
    trust = OrganizationTrust("acme.example", golden("trust_config.json").decode(), identities)

    signed = trust.verify(golden(f"{name}.sigstore.json"), predicate_type=kind)

    assert signed.payload == golden(f"{name}-statement.json")
    assert signed.root_fingerprint == EXPECTED["root_fingerprint"]
    assert {
        "subject": signed.subject_sha256,
        "identity": signed.signatory.identity,
        "time": timestamp(signed.time),
        "log_index": signed.log_index,
    } == EXPECTED[name]


def test_identities_are_written_as_ever() -> None:
    assert dump_identities(load_identities(GOLDEN / "identities.toml")).encode() == golden("identities.toml")


def test_an_old_log_is_read_and_goes_on(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "rekor.log", tmp_path / "rekor.log")

    with TransparencyLog(tmp_path / "rekor.log", name="x", key=ec.generate_private_key(ec.SECP256R1())) as log:
        assert log._tree.root().hex() == EXPECTED["log_root"]
        assert log.append(b"next").index == 2


@pytest.mark.parametrize(("version", "signers"), [(1, ROOT_KEYS[:2]), (2, ROOT_KEYS)])
def test_a_trust_document_has_the_same_bytes_and_fingerprint(version: int, signers: list[Ed25519PrivateKey]) -> None:
    data = golden(f"trust-{version}.json")

    document = read_trust(data)

    assert fingerprint(document) == EXPECTED["fingerprints"][version - 1]
    assert sign_trust(document, signers) == data


def test_an_old_rotation_still_verifies() -> None:
    now = datetime(2025, 7, 1, tzinfo=UTC)
    first = verify_trust(golden("trust-1.json"), now=now, previous=None)

    assert verify_trust(golden("trust-2.json"), now=now, previous=first).version == 2
