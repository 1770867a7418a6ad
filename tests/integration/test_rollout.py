"""A running gateway and its policy folder: edits are seen, and only what a second person approved decides."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running import Gateway, free_port, lading

BEA = """
  - name: bea
    identity: bea@acme.example
    roles: [security]
    clearance: internal
    training_expires: 2099-01-01T00:00:00Z

services:"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    home = tmp_path / "acme"
    about = ("--org", "acme.example", "--name", "Acme", "--region", "EU", "--admin", "ada")
    lading(tmp_path, "init", str(home), *about, "--listen", f"127.0.0.1:{free_port()}")
    directory = home / "directory.yaml"
    directory.write_text(directory.read_text().replace("\nservices:", BEA))
    lading(home, "trust", "issue", who="ada")
    running = Gateway(home)
    try:
        running.hears("listens on")
        yield running
    finally:
        running.stop()


def edit(gateway: Gateway, old: str, new: str) -> None:
    path = gateway.home / "policies" / "evidence.cedar"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def active(gateway: Gateway) -> str:
    return str(lading(gateway.home, "policy", "history")["active"])


def decided_by(gateway: Gateway, folder: Path) -> str:
    """Have something decided, and return the bundle that the log says decided it."""
    lading(gateway.home, "trust", "issue", who="ada")
    file = folder / "decisions.jsonl"
    lading(gateway.home, "policy", "export", "-o", str(file), "--limit", "1")
    return str(json.loads(json.loads(file.read_text())["record"])["policy"])


def test_an_edit_is_seen_stopped_or_approved_and_taken_back_while_the_gateway_runs(
    gateway: Gateway, tmp_path: Path
) -> None:
    before = active(gateway)

    edit(gateway, "forbid (", "forbidd (")
    assert "evidence.cedar" in gateway.hears("is broken, the active policies stay")
    edit(gateway, "forbidd (", "forbid (")
    gateway.hears("holds what decides again")

    edit(gateway, "unless { context.transfer.mtls }", 'unless { context.transfer.zone == "partner" }')
    assert "mutual TLS" in gateway.hears("is failing, the active policies stay")
    lading(gateway.home, "policy", "propose", "--reason", "weaker", who="ada", code=7)
    assert decided_by(gateway, tmp_path) == before
    edit(gateway, 'unless { context.transfer.zone == "partner" }', "unless { context.transfer.mtls }")
    gateway.hears("holds what decides again")

    edit(gateway, "Connect with", "Please connect with")
    gateway.hears("is ready and decides nothing yet")
    digest = lading(gateway.home, "policy", "propose", "--reason", "politeness", who="ada")["digest"]
    assert decided_by(gateway, tmp_path) == before
    lading(gateway.home, "policy", "approve", digest, "--reason", "mine", who="ada", code=2)
    lading(gateway.home, "policy", "approve", digest, "--reason", "agreed", who="bea")
    assert active(gateway) == decided_by(gateway, tmp_path) == digest

    lading(gateway.home, "policy", "rollback", "--reason", "too polite", who="bea")
    assert active(gateway) == decided_by(gateway, tmp_path) == before
