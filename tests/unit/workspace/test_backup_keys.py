"""Keys go into a backup only encrypted to who is named, and come back only by an identity of theirs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyrage.x25519 import Identity

from engine.custody.age import encrypt
from engine.digest import canonical, sha256
from engine.errors import InputError, IntegrityError, LadingError, StoreError, UsageError
from engine.workspace.keeping.restoring import continue_restored, restore_backup, verify_backup
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from tests.unit.workspace.archives import archived, back_up, files_in, members
from tests.unit.workspace.conftest import hire

PRIVATE = re.compile(rb"-----BEGIN PRIVATE KEY-----(.*?)-----END PRIVATE KEY-----", re.DOTALL)


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    hire(home, "sec", roles="security")
    with Office(Layout(home)) as opened:
        yield opened


def pair(folder: Path, name: str) -> tuple[str, Path]:
    """Make an age identity: its recipient, and the file it is in."""
    identity = Identity.generate()
    path = folder / f"{name}.key"
    path.write_text(f"# {name}\n{identity}\n")
    return str(identity.to_public()), path


def test_keys_go_along_for_whoever_is_named_and_in_no_other_form(office: Office, tmp_path: Path) -> None:
    (safe, safe_key), (board, board_key) = pair(tmp_path, "safe"), pair(tmp_path, "board")
    file, keys = tmp_path / "b.tar", office.layout.keys

    made = back_up(office, file, keys_for=[safe, board, safe])

    assert made["keys"]["recipients"] == sorted([safe, board])
    event = office.log.entry(office.log.size - 1)
    assert (event.type, (event.payload or {})["recipients"]) == ("backup.created", sorted([safe, board]))
    written = file.read_bytes()
    secrets = list(files_in(keys).values())
    assert len(secrets) > 6
    assert not any(body in written for body in secrets)
    private = [block.split()[0] for body in secrets for block in PRIVATE.findall(body)]  # what follows may be public
    assert len(private) > 5
    assert not any(line in written for line in private)
    for number, identity in enumerate((safe_key, board_key)):
        assert verify_backup(file, identities=identity)["keys_opened"]
        restored = tmp_path / f"restored-{number}"
        restore_backup(file, restored, identities=identity)
        assert files_in(restored / "keys") == files_in(keys)
        assert {path.stat().st_mode & 0o777 for path in (restored / "keys").rglob("*") if path.is_file()} == {0o600}
        assert (restored / "keys").stat().st_mode & 0o777 == 0o700
    continue_restored(tmp_path / "restored-1", who="ada", reason="the machine is gone")


def test_without_an_identity_keys_stay_encrypted_and_with_anothers_nothing_is_restored(
    office: Office, tmp_path: Path
) -> None:
    (safe, _), (_, other_key) = pair(tmp_path, "safe"), pair(tmp_path, "other")
    file, plain = tmp_path / "b.tar", tmp_path / "plain.tar"
    back_up(office, file, keys_for=[safe])
    back_up(office, plain)

    with pytest.raises(UsageError, match=r"encrypted to others than .*other\.key"):
        restore_backup(file, tmp_path / "restored", identities=other_key)
    with pytest.raises(UsageError, match="holds no keys"):
        restore_backup(plain, tmp_path / "restored", identities=other_key)
    with pytest.raises(InputError, match="is no age recipient"):
        back_up(office, tmp_path / "c.tar", keys_for=["age1nobody"])
    assert not (tmp_path / "restored").exists()
    assert not (tmp_path / "c.tar").exists()

    report = restore_backup(file, tmp_path / "restored")

    assert (report["keys_opened"], report["recipients"]) == (False, [safe])
    assert not (tmp_path / "restored" / "keys").exists()


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"format": "lading/keys/v1", "files": {"../log.pem": "AA=="}}, IntegrityError),
        ({"format": "lading/keys/v1", "files": {"/etc/log.pem": "AA=="}}, IntegrityError),
        ({"format": "lading/keys/v1", "files": {"log.pem": "A"}}, IntegrityError),
        ({"format": "lading/keys/v1", "files": {"log.pem": 7}}, IntegrityError),
        ({"format": "lading/keys/v1", "files": ["log.pem"]}, IntegrityError),
        ({"format": "lading/keys/v1", "files": {"a": "AA==", "a/b": "AA=="}}, (IntegrityError, StoreError)),
        ({"format": "lading/keys/v2", "files": {}}, IntegrityError),
        ([], IntegrityError),
    ],
)
def test_hostile_keys_are_refused_and_nothing_is_restored(
    office: Office, tmp_path: Path, document: Any, error: type[LadingError]
) -> None:
    safe, safe_key = pair(tmp_path, "safe")
    back_up(office, tmp_path / "b.tar")
    sealed = encrypt(canonical(document), [safe])

    file = with_keys(tmp_path / "b.tar", sealed, {"recipients": [safe], "size": len(sealed), "sha256": sha256(sealed)})

    with pytest.raises(error):
        restore_backup(file, tmp_path / "restored", identities=safe_key)
    assert not (tmp_path / "restored").exists()


def test_keys_that_the_manifest_does_not_name_are_refused(office: Office, tmp_path: Path) -> None:
    safe, _ = pair(tmp_path, "safe")
    back_up(office, tmp_path / "b.tar", keys_for=[safe])
    said = {"recipients": [safe], "size": 3, "sha256": sha256(b"abc")}

    for keys, told in ((b"abc", None), (None, said), (b"abd", said), (b"abc", said | {"recipients": "me"})):
        with pytest.raises(IntegrityError, match=r"keys\.age"):
            verify_backup(with_keys(tmp_path / "b.tar", keys, told))


def with_keys(file: Path, keys: bytes | None, said: Any) -> Path:
    """Put other keys into a backup, and have its manifest say something of them."""
    held = members(file)
    manifest = {**json.loads(held.pop("backup.json")), "keys": said}
    manifest = {name: value for name, value in manifest.items() if value is not None}
    held.pop("keys.age", None)
    more = [] if keys is None else [("keys.age", keys)]
    changed = file.with_name("changed.tar")
    return archived(changed, [*held.items(), *more, ("backup.json", canonical(manifest))])
