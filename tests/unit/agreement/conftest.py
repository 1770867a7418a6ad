"""Builders: an agreement between Acme and Borealis, changed where a story needs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.agreement import Agreement

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
