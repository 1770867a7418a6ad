"""Tools that are not ours, unmodified, verify what the sandbox signed, with what a partner is given.

`model_signing` and `sigstore` run as subprocesses. They see the public trust configuration, a bundle and files.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import model_signing
import pytest
from model_signing._signing.signing import Payload
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from engine.digest import sha256
from engine.events import system_clock
from engine.signing import (
    MANIFEST_REFERENCE,
    MODEL_SIGNATURE,
    AllowedIdentity,
    OrganizationTrust,
    manifest_statement,
    model_statement,
)
from engine.signing.sandbox import Sandbox

ADA = "ada@acme.example"
FILES = {
    "config.json": b'{"architectures": ["BertModel"]}',
    "weights/model.safetensors": bytes(range(256)) * 64,
    "weights.txt": b"weights come before weights.txt, as paths",
    "empty.txt": b"",
    "naïve.md": "Größe".encode(),
}


@dataclass(frozen=True)
class Handed:
    """What a partner's engineer has on disk."""

    folder: Path
    model: Path
    model_bundle: Path
    manifest: Path
    manifest_bundle: Path
    trust_config: Path
    issuer: str
    sandbox: Sandbox


@pytest.fixture
def handed(tmp_path: Path) -> Iterator[Handed]:
    model = tmp_path / "sentiment"
    for name, content in FILES.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(content)
    # The manifest is the subject of its own reference here: the tool demands a file with the subject's digest.
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(b'{"name":"sentiment"}')
    digest = sha256(manifest.read_bytes())
    statements = {
        "model.sigstore.json": model_statement("sentiment", [(name, sha256(FILES[name])) for name in FILES]),
        "manifest.sigstore.json": manifest_statement("sentiment", digest, digest),
    }
    with Sandbox(tmp_path / "keys", tmp_path / "state", "acme.example", system_clock) as sandbox:
        (tmp_path / "trust_config.json").write_text(sandbox.trust_config())
        for name, statement in statements.items():
            (tmp_path / name).write_bytes(sandbox.signer().sign(statement, sandbox.mint(ADA)))
        yield Handed(
            folder=tmp_path,
            model=model,
            model_bundle=tmp_path / "model.sigstore.json",
            manifest=manifest,
            manifest_bundle=tmp_path / "manifest.sigstore.json",
            trust_config=tmp_path / "trust_config.json",
            issuer=sandbox.issuer,
            sandbox=sandbox,
        )


def run(handed: Handed, *command: str) -> subprocess.CompletedProcess[str]:
    # An empty environment: no cache, no proxy, nothing of this machine helps the tools.
    environment = {"HOME": str(handed.folder), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def model_signing_verify(handed: Handed) -> subprocess.CompletedProcess[str]:
    arguments = ["--signature", str(handed.model_bundle), "--trust_config", str(handed.trust_config)]
    arguments += ["--identity", ADA, "--identity_provider", handed.issuer]
    return run(handed, "model_signing", "verify", "sigstore", *arguments, str(handed.model))


def sigstore_verify(handed: Handed) -> subprocess.CompletedProcess[str]:
    arguments = [
        "--bundle",
        str(handed.manifest_bundle),
        "--cert-identity",
        ADA,
        "--cert-oidc-issuer",
        handed.issuer,
    ]
    trust = ["--trust-config", str(handed.trust_config)]
    return run(handed, "sigstore", *trust, "verify", "identity", "--offline", *arguments, str(handed.manifest))


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def flip_a_byte_of_the_payload(path: Path) -> None:
    bundle = json.loads(path.read_bytes())
    payload = bytearray(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    payload[-10] ^= 1
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(bundle))


def test_model_signing_accepts_the_model_and_refuses_one_flipped_byte_of_it(handed: Handed) -> None:
    good = model_signing_verify(handed)
    assert good.returncode == 0, good.stderr

    flip_a_byte(handed.model / "weights/model.safetensors")

    bad = model_signing_verify(handed)
    assert bad.returncode != 0
    assert "Hash mismatch for 'weights/model.safetensors'" in bad.stdout + bad.stderr


def test_model_signing_refuses_one_flipped_byte_of_the_signature(handed: Handed) -> None:
    flip_a_byte_of_the_payload(handed.model_bundle)

    assert model_signing_verify(handed).returncode != 0


def test_sigstore_accepts_the_bundle_and_refuses_one_flipped_byte_of_the_file(handed: Handed) -> None:
    good = sigstore_verify(handed)
    assert good.returncode == 0, good.stderr
    assert "OK" in good.stderr

    flip_a_byte(handed.manifest)

    assert sigstore_verify(handed).returncode != 0


def test_sigstore_refuses_one_flipped_byte_of_the_bundle(handed: Handed) -> None:
    flip_a_byte_of_the_payload(handed.manifest_bundle)

    assert sigstore_verify(handed).returncode != 0


def test_our_statement_names_the_model_as_model_signing_itself_would(handed: Handed) -> None:
    theirs = Payload(model_signing.hashing.Config().hash(handed.model)).statement.pb

    ours = json.loads(base64.b64decode(json.loads(handed.model_bundle.read_bytes())["dsseEnvelope"]["payload"]))

    assert ours["subject"][0]["digest"]["sha256"] == theirs.subject[0].digest["sha256"]
    assert ours["predicate"]["resources"] == [dict(resource) for resource in theirs.predicate["resources"]]


def test_unmodified_sigstore_python_signs_with_the_sandbox(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    config = ClientTrustConfig.from_json(handed.sandbox.signer()._trust_config)
    statement = manifest_statement("sentiment", "a" * 64, "b" * 64)
    context = SigningContext.from_trust_config(config)

    with context.signer(IdentityToken(handed.sandbox.mint(ADA))) as signer:
        bundle = signer.sign_dsse(Statement(statement)).to_json().encode()
    for client in (context._rekor, *context._tsa_clients):
        client._session.close()  # type: ignore[attr-defined]

    allowed = AllowedIdentity(ADA, handed.issuer, (MANIFEST_REFERENCE,))
    trust = OrganizationTrust("acme.example", handed.trust_config.read_text(), (allowed,))
    assert trust.verify(bundle, predicate_type=MANIFEST_REFERENCE).payload == statement


def test_we_verify_what_model_signing_verifies(handed: Handed) -> None:
    allowed = AllowedIdentity(ADA, handed.issuer, (MODEL_SIGNATURE,))
    trust = OrganizationTrust("acme.example", handed.trust_config.read_text(), (allowed,))

    assert trust.verify(handed.model_bundle.read_bytes(), predicate_type=MODEL_SIGNATURE)
