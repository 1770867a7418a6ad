"""Agreements of this format, as they were first written: every later release must read and sign them alike."""

import json
from pathlib import Path

import pytest

from engine.agreement import load_agreement, parse_agreement

GOLDEN = Path(__file__).parents[2] / "golden" / "agreement"
DIGESTS: dict[str, str] = json.loads((GOLDEN / "digests.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DIGESTS)
def test_an_agreement_keeps_its_canonical_form_its_digest_and_its_statement(name: str) -> None:
    agreement = load_agreement(GOLDEN / f"{name}.yaml")
    canonical = (GOLDEN / f"{name}.json").read_bytes()
    assert agreement.canonical() == canonical
    assert parse_agreement(canonical, what=name) == agreement
    assert agreement.digest == DIGESTS[name]
    assert agreement.statement() == (GOLDEN / f"{name}.statement.json").read_bytes()
