"""The sandbox keeps its keys and its log, speaks by stable names, and vouches only for its own."""

import json
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.errors import InputError, OwnerBusy, UntrustedIdentity, WorkspaceError
from engine.events import system_clock
from engine.signing import MANIFEST_REFERENCE, Signatory
from engine.signing.sandbox import Sandbox
from tests.unit.signing.conftest import ADA, NOW, Party, party


def fixed(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path / "keys", tmp_path / "state", "acme.example", lambda: NOW)


def test_a_token_stands_for_whom_it_was_minted(tmp_path: Path) -> None:
    sandbox = fixed(tmp_path)

    assert sandbox.check(sandbox.mint(ADA), NOW) == Signatory(ADA, "https://oidc.acme.example")


@pytest.mark.parametrize(
    "identity",
    ["ada@ml.acme.example", "spiffe://acme.example/gateway", "https://jobs.acme.example/train"],
)
def test_the_organization_and_what_is_below_it_can_be_named(tmp_path: Path, identity: str) -> None:
    sandbox = fixed(tmp_path)

    assert sandbox.check(sandbox.mint(identity), NOW).identity == identity


@pytest.mark.parametrize(
    "identity",
    [
        "bo@borealis.example",
        "ada",
        "",
        "@acme.example",
        "ada@notacme.example",
        "spiffe://acme.example.evil.example/x",
    ],
)
def test_nobody_else_can_be_named(tmp_path: Path, identity: str) -> None:
    with pytest.raises(InputError, match="does not belong to acme"):
        fixed(tmp_path).mint(identity)


@pytest.mark.parametrize("ttl", [0, -1, 3601])
def test_a_token_lives_an_hour_at_most(tmp_path: Path, ttl: int) -> None:
    with pytest.raises(InputError, match="cannot live"):
        fixed(tmp_path).mint(ADA, ttl)


@pytest.mark.parametrize("late", [timedelta(seconds=600), timedelta(days=1), timedelta(seconds=-1)])
def test_a_token_is_valid_for_its_time_only(tmp_path: Path, late: timedelta) -> None:
    sandbox = fixed(tmp_path)

    with pytest.raises(UntrustedIdentity, match="is valid from"):
        sandbox.check(sandbox.mint(ADA), NOW + late)


def test_a_token_of_another_issuer_or_audience_or_without_signature_is_refused(tmp_path: Path, borealis: Party) -> None:
    sandbox = fixed(tmp_path)
    claims = jwt.decode(sandbox.mint(ADA), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")
    elsewhere = jwt.encode({**claims, "aud": "somewhere"}, sandbox._issuer._key, algorithm="ES256")

    for token in (borealis.sandbox.mint("bo@borealis.example"), unsigned, elsewhere, "x", ""):
        with pytest.raises(UntrustedIdentity, match="not one of"):
            sandbox.check(token, NOW)


def test_the_public_configuration_names_no_address_of_this_machine(acme: Party) -> None:
    text = acme.sandbox.trust_config()

    assert "127.0.0.1" not in text
    assert "https://oidc.acme.example" in text
    assert "PRIVATE" not in text


def test_keys_configuration_and_log_survive_a_restart(tmp_path: Path) -> None:
    first = party(tmp_path, "acme.example")
    with first.sandbox:
        old = first.sign()
        config = first.sandbox.trust_config()

    second = party(tmp_path, "acme.example")
    with second.sandbox:
        new = second.sign()

    assert second.sandbox.trust_config() == config
    assert [first.trust().verify(bundle, predicate_type=MANIFEST_REFERENCE).log_index for bundle in (old, new)] == [
        0,
        1,
    ]


def test_private_keys_are_for_the_owner_alone(tmp_path: Path) -> None:
    fixed(tmp_path)

    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == dict.fromkeys(["ctfe.pem", "fulcio.pem", "oidc.pem", "rekor.pem", "tsa.pem"], 0o600)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    fixed(tmp_path)
    (tmp_path / "keys" / "rekor.pem").chmod(0o640)

    with pytest.raises(WorkspaceError, match=r"rekor\.pem") as caught:
        fixed(tmp_path)

    assert "chmod 600" in caught.value.remedy


def p384() -> bytes:
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"garbage", p384()], ids=["empty", "garbage", "another curve"])
def test_a_broken_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    fixed(tmp_path)
    (tmp_path / "keys" / "oidc.pem").write_bytes(content)

    with pytest.raises(WorkspaceError, match=r"oidc\.pem"):
        fixed(tmp_path)


def test_an_authority_without_its_certificates_is_broken(tmp_path: Path) -> None:
    fixed(tmp_path)
    path = tmp_path / "keys" / "fulcio.pem"
    path.write_bytes(path.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0])

    with pytest.raises(WorkspaceError, match="0 certificates, expected 2"):
        fixed(tmp_path)


def test_a_sandbox_needs_an_organization(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="organization id"):
        Sandbox(tmp_path, tmp_path, "../acme", system_clock)


def test_only_one_process_has_a_sandbox_open(tmp_path: Path) -> None:
    other = (
        "import sys; from pathlib import Path\n"
        "from engine.errors import OwnerBusy; from engine.events import system_clock\n"
        "from engine.signing.sandbox import Sandbox\n"
        "folder = Path(sys.argv[1])\n"
        "try:\n"
        "    with Sandbox(folder / 'keys', folder / 'state', 'acme.example', system_clock): print('opened')\n"
        "except OwnerBusy: print('busy')\n"
    )

    def try_other() -> str:
        command = [sys.executable, "-c", other, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    with fixed(tmp_path):
        assert try_other() == "busy"
        with pytest.raises(OwnerBusy, match=r"rekor\.log"):
            fixed(tmp_path).__enter__()
    assert try_other() == "opened"


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """A process signs, shows the bundle, and is killed without a chance to close anything."""
    doomed = (
        "import os, signal, sys; from pathlib import Path\n"
        "from engine.events import system_clock; from engine.signing import manifest_statement\n"
        "from engine.signing.sandbox import Sandbox\n"
        "folder = Path(sys.argv[1])\n"
        "with Sandbox(folder / 'keys', folder / 'state', 'acme.example', system_clock) as sandbox:\n"
        "    statement = manifest_statement('sentiment', 'a' * 64, 'b' * 64)\n"
        "    print(sandbox.signer().sign(statement, sandbox.mint('ada@acme.example')).decode(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", doomed, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert killed.returncode == -9

    revived = party(tmp_path, "acme.example")
    with revived.sandbox:
        next_one = json.loads(revived.sign())["verificationMaterial"]["tlogEntries"][0]

    assert next_one["logIndex"] == "1"
    signed = revived.trust().verify(killed.stdout.strip().encode(), predicate_type=MANIFEST_REFERENCE)
    assert signed.log_index == 0
