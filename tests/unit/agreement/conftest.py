"""Builders: an agreement between Acme and Borealis, changed where a story needs it, and the two who sign it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.agreement import AGREEMENT_TYPE, Agreement
from engine.events import system_clock
from engine.signing import AllowedIdentity, OrganizationTrust
from engine.signing.sandbox import Sandbox

SAMPLES = Path(__file__).parents[3] / "samples"

TERMS: dict[str, Any] = {
    "purposes": ("evaluation",),
    "actions": ("view", "copy"),
    "destinations": ("EU", "US"),
    "retention_days": 90,
    "deletion_duty": "delete",
    "max_sensitivity": "confidential",
    "onward_transfer": False,
    "ownership": "provider",
    "audit_rights": True,
}
FIELDS: dict[str, Any] = {
    "format": "lading/agreement/v1",
    "id": "acme-borealis",
    "provider": "acme.example",
    "consumer": "borealis.example",
    "effective": "2026-01-01T00:00:00Z",
    "expires": "2027-01-01T00:00:00Z",
    "accepted_formats": ("safetensors", "json"),
}

Agree = Callable[..., Agreement]


@pytest.fixture(scope="session")
def agree() -> Agree:
    """Build an agreement; keywords replace its fields, `terms` replaces single terms."""

    def build(*, terms: dict[str, Any] | None = None, **fields: Any) -> Agreement:
        return Agreement.model_validate(FIELDS | {"terms": TERMS | (terms or {})} | fields)

    return build


@pytest.fixture(scope="session")
def sample() -> Path:
    """The commented agreement that ships with lading."""
    return SAMPLES / "agreement.yaml"


@dataclass(frozen=True)
class Party:
    """An organization with a Sigstore of its own, and Ada, who may sign agreements for it."""

    organization: str
    sandbox: Sandbox

    @property
    def trust(self) -> OrganizationTrust:
        ada = AllowedIdentity(f"ada@{self.organization}", f"https://oidc.{self.organization}", (AGREEMENT_TYPE,))
        return OrganizationTrust(self.organization, self.sandbox.trust_config(), (ada,))

    def sign(self, agreement: Agreement, *, person: str = "ada") -> bytes:
        return self.sign_statement(agreement.statement(), person=person)

    def sign_statement(self, statement: bytes, *, person: str = "ada") -> bytes:
        token = self.sandbox.mint(f"{person}@{self.organization}")
        return self.sandbox.signer().sign(statement, token)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    yield from _party("acme.example", tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="module")
def borealis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    yield from _party("borealis.example", tmp_path_factory.mktemp("borealis"))


def _party(organization: str, folder: Path) -> Iterator[Party]:
    with Sandbox(folder / "keys", folder / "state", organization, system_clock) as sandbox:
        yield Party(organization, sandbox)
