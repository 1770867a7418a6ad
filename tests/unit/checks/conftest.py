"""Builders: a small model folder of Acme, packed for real and signed for real, and an agreement that covers it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from engine.agreement import Agreement, Standing
from engine.checks import Evidence, Use
from engine.events import system_clock
from engine.manifest import Manifest, pack
from engine.signing import (
    MANIFEST_REFERENCE,
    MODEL_SIGNATURE,
    AllowedIdentity,
    OrganizationTrust,
    manifest_statement,
    model_statement,
)
from engine.signing.sandbox import Sandbox

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Model:
    """A packed model folder.

    Attributes:
        folder: where its files are.
        manifest: what `pack` found in it.
        chunks: canonical bytes of its chunk map.
    """

    folder: Path
    manifest: Manifest
    chunks: bytes

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of one file, in small pieces."""
        data = (self.folder / path).read_bytes()
        return (data[start : start + 10] for start in range(0, len(data), 10))


def write_model(folder: Path) -> Model:
    folder.mkdir()
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\x01\x02\x03\x04")
    (folder / "config.json").write_text('{"architectures": ["Sentiment"]}', encoding="utf-8")
    (folder / "empty.txt").write_bytes(b"")
    packed = pack(folder, name="sentiment", version="3.1", organization="acme.example", created=CREATED, overrides=None)
    return Model(folder, packed.manifest, packed.chunks.canonical())


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model of one test's own, which it may spoil."""
    return write_model(tmp_path / "model")


@pytest.fixture(scope="session")
def rewritten() -> Callable[..., Manifest]:
    """Write a manifest anew, with other values in some of its fields."""

    def rewrite(manifest: Manifest, **fields: Any) -> Manifest:
        return Manifest.model_validate_json(json.dumps(manifest.to_json() | fields))

    return rewrite


@dataclass(frozen=True)
class Acme:
    """The origin: its Sigstore, and Ada, who may sign models and manifests for it."""

    sandbox: Sandbox

    @property
    def trust(self) -> OrganizationTrust:
        ada = AllowedIdentity("ada@acme.example", "https://oidc.acme.example", (MODEL_SIGNATURE, MANIFEST_REFERENCE))
        return OrganizationTrust("acme.example", self.sandbox.trust_config(), (ada,))

    def sign(self, statement: bytes, *, person: str = "ada") -> bytes:
        return self.sandbox.signer().sign(statement, self.sandbox.mint(f"{person}@acme.example"))


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    folder = tmp_path_factory.mktemp("acme")
    with Sandbox(folder / "keys", folder / "state", "acme.example", system_clock) as sandbox:
        yield Acme(sandbox)


@pytest.fixture(scope="module")
def evidence(acme: Acme, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What Acme sends along with the model, all of it right."""
    manifest = write_model(tmp_path_factory.mktemp("signed") / "model").manifest
    files = [(file.path, file.sha256) for file in manifest.files]
    return Evidence(
        manifest=manifest,
        model_signature=acme.sign(model_statement("sentiment", files)),
        manifest_attestation=acme.sign(manifest_statement("sentiment", manifest.root, manifest.digest)),
        origin=acme.trust,
    )


@pytest.fixture(scope="session")
def covering() -> Callable[..., Standing]:
    """Build the standing of an agreement in force; keywords replace fields, `terms` single terms."""

    def build(*, terms: dict[str, Any] | None = None, **fields: Any) -> Standing:
        values: dict[str, Any] = {
            "format": "lading/agreement/v1",
            "id": "acme-borealis",
            "provider": "acme.example",
            "consumer": "borealis.example",
            "effective": "2026-01-01T00:00:00Z",
            "expires": "2027-01-01T00:00:00Z",
            "accepted_formats": ("safetensors", "json", "text"),
            "terms": {
                "purposes": ("evaluation", "research"),
                "actions": ("view",),
                "destinations": ("EU", "US"),
                "retention_days": 90,
                "deletion_duty": "delete",
                "max_sensitivity": "internal",
                "onward_transfer": False,
                "ownership": "provider",
                "audit_rights": True,
            }
            | (terms or {}),
        }
        return Standing(Agreement.model_validate(values | fields), MappingProxyType({}), ())

    return build


@pytest.fixture(scope="session")
def use() -> Use:
    """Acme hands to Borealis, in the EU, for evaluation."""
    return Use(sender="acme.example", receiver="borealis.example", purpose="evaluation", region="EU")
