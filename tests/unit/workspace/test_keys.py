"""Private keys are made once, kept 0600, and refused when anybody else could read them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.errors import WorkspaceError
from engine.workspace.keys import SECRET_KEYS, SIGNING_KEYS, make_keys, read_secret, secret_key, signing_key


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_every_key_is_another_one(keys: Path) -> None:
    signing = {signing_key(keys, name).public_key().public_bytes_raw() for name in SIGNING_KEYS}
    secrets = {secret_key(keys, name) for name in SECRET_KEYS}

    assert (len(signing), len(secrets)) == (len(SIGNING_KEYS), len(SECRET_KEYS))


def test_keys_are_never_made_again(keys: Path) -> None:
    before = (keys / "root-1.pem").read_bytes()

    with pytest.raises(FileExistsError):
        make_keys(keys)

    assert (keys / "root-1.pem").read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_could_touch_is_refused_with_the_command_that_mends_it(keys: Path, mode: int) -> None:
    path = keys / "log.pem"
    path.chmod(mode)

    with pytest.raises(WorkspaceError, match=f"{path} has mode {mode:04o}.*expected 0600") as refused:
        signing_key(keys, "log")

    assert f"chmod 600 {path}" in refused.value.remedy
    assert refused.value.exit_code == 7


def test_a_lost_key_is_restored_not_remade(keys: Path) -> None:
    (keys / "log.pem").unlink()

    with pytest.raises(WorkspaceError, match=r"log.pem is missing") as refused:
        signing_key(keys, "log")

    assert "keys are never remade" in refused.value.remedy


@pytest.mark.parametrize("data", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_named(keys: Path, data: bytes) -> None:
    (keys / "log.pem").write_bytes(data)

    with pytest.raises(WorkspaceError, match=r"log.pem is not a private key in PEM"):
        signing_key(keys, "log")


def test_a_key_of_another_kind_is_refused(keys: Path) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (keys / "log.pem").write_bytes(other)

    with pytest.raises(WorkspaceError, match="not an Ed25519 key"):
        signing_key(keys, "log")


def test_a_secret_of_another_length_is_refused(keys: Path) -> None:
    (keys / "store.key").write_bytes(b"short")

    with pytest.raises(WorkspaceError, match="5 bytes, expected 32"):
        secret_key(keys, "store")


def test_a_key_this_user_may_not_read_is_named(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is made here."""

    def refuse(_: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(WorkspaceError, match="not readable by this user"):
        read_secret(keys / "log.pem")
