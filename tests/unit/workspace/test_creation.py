"""A workspace is made wholly or not at all, and never twice."""

import stat
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError, WorkspaceError
from engine.workspace import creation
from engine.workspace.creation import create
from engine.workspace.log.record import show_entry, verify_log

ACME: dict[str, Any] = {"org": "acme.example", "name": "Acme", "region": "EU", "admin": "ada"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_workspace_has_all_its_parts(tmp_path: Path) -> None:
    told = create(tmp_path / "acme", **ACME)

    home = tmp_path / "acme"
    assert told["home"] == str(home)
    assert told["admin"] == "ada@acme.example"
    assert not told["existed"]
    assert sorted(path.name for path in home.iterdir()) == [
        ".gitignore",
        "agreements",
        "attestations",
        "directory.yaml",
        "keys",
        "lading.toml",
        "policies",
        "state",
        "trust",
    ]
    assert (home / ".gitignore").read_text().split()[-2:] == ["keys/", "state/"]
    assert show_entry(home, 0)["public"]["type"] == "workspace.created"  # type: ignore[call-overload,index]
    assert verify_log(home, lambda _: None)["remembered"] == 1


def test_keys_and_state_are_private(made: Path) -> None:
    assert mode(made / "keys") == mode(made / "state") == 0o700
    secret = [path for path in (made / "keys").rglob("*") if path.is_file()]
    assert len(secret) > 8
    assert {mode(path) for path in secret} == {0o600}


def test_making_it_again_changes_nothing(home: Path) -> None:
    before = everything(home)

    told = create(home, **ACME)

    assert told["existed"]
    assert everything(home) == before


def test_options_that_the_workspace_has_may_be_given_again_or_left_out(home: Path) -> None:
    before = everything(home)
    directory = home / "directory.yaml"

    create(home, **ACME, listen="127.0.0.1:8443", url="https://127.0.0.1:8443")
    assert everything(home) == before

    directory.write_text(directory.read_text().replace("roles: [administrator, ", "roles: ["))
    assert create(home, **ACME)["existed"]  # what an administrator may do is for the directory to say, later


@pytest.mark.parametrize(
    ("option", "wanted", "found", "place"),
    [
        ("name", "Acme Corp", "Acme", "organization.name in lading.toml"),
        ("region", "US", "EU", "organization.region in lading.toml"),
        ("admin", "ann", "ada", "people in directory.yaml"),
        ("listen", "127.0.0.1:9443", "127.0.0.1:8443", "gateway.listen in lading.toml"),
        ("url", "https://acme.example:443", "https://127.0.0.1:8443", "gateway.url in lading.toml"),
    ],
)
def test_an_option_that_the_workspace_has_otherwise_is_refused(
    home: Path, option: str, wanted: str, found: str, place: str
) -> None:
    before = everything(home)

    with pytest.raises(UsageError) as refused:
        create(home, **ACME | {option: wanted})

    assert f"--{option}: found '{found}', wanted '{wanted}'" in str(refused.value)
    assert f"change {place}; then run 'lading -C {home} --as NAME trust issue'" in refused.value.remedy
    assert everything(home) == before


def test_all_options_that_differ_are_named(home: Path) -> None:
    with pytest.raises(UsageError, match=r"--name: found 'Acme', wanted 'A'; --region: found 'EU', wanted 'US'"):
        create(home, **ACME | {"name": "A", "region": "US"})


def test_the_workspace_of_another_organization_is_left_alone(home: Path) -> None:
    before = everything(home)

    with pytest.raises(WorkspaceError, match=r"is the workspace of acme.example, not of borealis.example"):
        create(home, **ACME | {"org": "borealis.example"})

    assert everything(home) == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()

    create(tmp_path / "acme", **ACME)

    assert (tmp_path / "acme" / "lading.toml").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "mine.txt").write_text("mine")

    with pytest.raises(UsageError, match="is not empty and not a workspace"):
        create(tmp_path / "acme", **ACME)

    assert everything(tmp_path) == {"acme/mine.txt": b"mine"}


@pytest.mark.parametrize("last", ["make_keys", "issue_document", "Office"])
def test_a_crash_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(creation, last, crash)

    with pytest.raises(KeyboardInterrupt):
        create(tmp_path / "acme", **ACME)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"org": "Acme"}, "organization.id"),
        ({"region": "Mars"}, "organization.region"),
        ({"name": ""}, "organization.name"),
        ({"listen": "x"}, "gateway.listen"),
        ({"url": "http://x"}, "gateway.url"),
        ({"admin": "ada smith"}, "admin"),
        ({"admin": 'a"\nroles: []'}, "admin"),
        ({"admin": ""}, "admin"),
        ({"admin": "Ada"}, "admin"),
    ],
)
def test_a_malformed_value_makes_nothing(tmp_path: Path, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(UsageError, match=field) as refused:
        create(tmp_path / "acme", **ACME | wrong)

    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("admin", ["yes", "1.5", "null", "ada.l_x-y"])
def test_a_name_that_yaml_would_read_as_something_else_stays_a_name(tmp_path: Path, admin: str) -> None:
    told = create(tmp_path / "acme", **ACME | {"admin": admin})

    assert told["admin"] == f"{admin}@acme.example"
