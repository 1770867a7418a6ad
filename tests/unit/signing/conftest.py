"""Two organizations with a sandbox each, and builders for what they sign."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from engine.events import system_clock
from engine.signing import MANIFEST_REFERENCE, AllowedIdentity, OrganizationTrust, manifest_statement
from engine.signing.sandbox import Sandbox
from engine.signing.trust_document import TrustDocument, root_keys

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ROOT, MANIFEST = "a" * 64, "b" * 64
STATEMENT = manifest_statement("sentiment", ROOT, MANIFEST)
ADA = "ada@acme.example"


@dataclass(frozen=True)
class Party:
    """An organization with a running sandbox."""

    organization: str
    sandbox: Sandbox

    def sign(self, identity: str = ADA, statement: bytes = STATEMENT) -> bytes:
        return self.sandbox.signer().sign(statement, self.sandbox.mint(identity))

    def trust(self, identity: str = ADA, *types: str) -> OrganizationTrust:
        allowed = AllowedIdentity(identity, self.sandbox.issuer, types or (MANIFEST_REFERENCE,))
        return OrganizationTrust(self.organization, self.sandbox.trust_config(), (allowed,))


def party(folder: Path, organization: str) -> Party:
    return Party(organization, Sandbox(folder / "keys", folder / "state", organization, system_clock))


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    made = party(tmp_path_factory.mktemp("acme"), "acme.example")
    with made.sandbox:
        yield made


@pytest.fixture(scope="session")
def borealis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    made = party(tmp_path_factory.mktemp("borealis"), "borealis.example")
    with made.sandbox:
        yield made


@pytest.fixture(scope="session")
def bundle(acme: Party) -> bytes:
    """Ada's manifest reference, properly signed; not the first entry of its log, so its proof has hashes."""
    acme.sign()
    return acme.sign()


@pytest.fixture(scope="session")
def altered(bundle: bytes) -> Callable[[Callable[[Any], None]], bytes]:
    """Return the good bundle with one change."""

    def alter(change: Callable[[Any], None]) -> bytes:
        parsed = deepcopy(json.loads(bundle))
        change(parsed)
        return json.dumps(parsed).encode()

    return alter


@pytest.fixture(scope="session")
def root_private_keys() -> list[Ed25519PrivateKey]:
    return [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(4)]


@pytest.fixture(scope="session")
def gateway_ca(acme: Party) -> str:
    certificate: x509.Certificate = acme.sandbox._instance.timestamps.chain[1]
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="session")
def document(
    acme: Party, borealis: Party, gateway_ca: str, root_private_keys: list[Ed25519PrivateKey]
) -> Callable[..., TrustDocument]:
    """Return a builder of Borealis' trust document; every field can be replaced."""
    del acme

    def build(**changes: Any) -> TrustDocument:
        key = f"{changes.get('organization', 'borealis.example')}/lading/audit/1+0a1b2c3d+{'A' * 44}"
        fields: dict[str, Any] = {
            "organization": "borealis.example",
            "name": "Borealis Labs",
            "region": "NO",
            "version": 1,
            "issued": NOW - timedelta(days=1),
            "expires": NOW + timedelta(days=365),
            "gateway_url": "https://gateway.borealis.example:8443",
            "issuer": "https://oidc.borealis.example",
            "trust_config": json.loads(borealis.sandbox.trust_config()),
            "identities": (
                AllowedIdentity("bo@borealis.example", "https://oidc.borealis.example", (MANIFEST_REFERENCE,)),
            ),
            "gateway_ca": (gateway_ca,),
            "log_keys": (key,),
            "witness_keys": (),
            "roots": root_keys([private.public_key() for private in root_private_keys[:2]]),
            "threshold": 2,
        }
        return TrustDocument(**{**fields, **changes})

    return build
