"""Who is who: what `directory.yaml` may say, and what policies learn from it."""

from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.policy.directory import STARTER_ROLES, Directory, load_directory
from engine.policy.documents import MAX_DOCUMENT_BYTES
from engine.policy.model import EntityUid
from tests.unit.policy.worlds import ROOT

ADA = EntityUid("User", "ada@acme.example")


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Write the sample with one passage changed."""

    def write(old: str, new: str) -> Path:
        text = (ROOT / "samples" / "directory.yaml").read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "directory.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_directory(path, "acme.example")
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_people_and_services_are_found_by_identity(acme: Directory) -> None:
    assert acme.principal("ada@acme.example") == ADA
    assert acme.principal("spiffe://acme.example/gateway") == EntityUid("Service", "spiffe://acme.example/gateway")
    assert acme.principal("eve@acme.example") is None
    member = acme.member("abe@acme.example")
    assert member is not None
    assert (member.name, member.clearance) == ("abe", 3)
    assert acme.member("eve@acme.example") is None


def test_a_role_brings_the_roles_it_includes(acme: Directory) -> None:
    entities = {entity.uid: entity for entity in acme.entities_of(ADA)}
    operator = EntityUid("Role", "operator")
    assert entities[ADA].parents == (operator, EntityUid("Project", "risk"))
    assert entities[operator].parents == (EntityUid("Role", "sender"), EntityUid("Role", "receiver"))
    assert EntityUid("Role", "sender") in entities
    assert EntityUid("Role", "approver") not in entities


def test_a_person_becomes_the_entity_that_the_schema_knows(acme: Directory) -> None:
    ada = acme.entities_of(ADA)[0]
    assert ada.attributes == {
        "identity": "ada@acme.example",
        "organization": {"__entity": {"type": "Organization", "id": "acme.example"}},
        "clearance": 2,
        "trainingExpires": {"__extn": {"fn": "datetime", "arg": "2036-01-01T00:00:00.000Z"}},
    }


def test_a_guest_works_for_whom_the_directory_says(acme: Directory) -> None:
    entities = acme.entities_of(EntityUid("User", "uma@auditors.example"))
    assert entities[-1].uid == EntityUid("Organization", "auditors.example")


def test_nobody_is_found_under_the_wrong_kind_of_name(acme: Directory) -> None:
    assert acme.entities_of(EntityUid("Service", "ada@acme.example")) == ()
    assert acme.entities_of(EntityUid("User", "eve@acme.example")) == ()


def test_a_directory_without_roles_has_the_starter_roles(tmp_path: Path, acme: Directory) -> None:
    path = tmp_path / "directory.yaml"
    path.write_text("format: lading/directory/v1\n", encoding="utf-8")
    directory = load_directory(path, "acme.example")
    assert directory.roles == STARTER_ROLES == acme.roles
    assert directory.members == ()


@pytest.mark.parametrize("clearance", ["2", "confidential"])
def test_a_clearance_is_a_name_or_a_rank(written: Any, clearance: str) -> None:
    member = load_directory(written("clearance: confidential", f"clearance: {clearance}"), "acme.example").members[0]
    assert member.clearance == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("roles: [operator]", "roles: [sendr]", "ada has the role 'sendr', expected one that is declared"),
        ("name: abe", "name: ada", "the name 'ada' stands twice"),
        (
            "identity: abe@acme.example",
            "identity: ada@acme.example",
            "the identity 'ada@acme.example' stands twice",
        ),
        ("sender: []", "sender: [operator]", "the role 'operator' includes itself"),
        ("sender: []", "sender: [chief]", "sender has the role 'chief'"),
        ("clearance: confidential", "clearance: secret", 'people.0.clearance: found "secret"'),
        ("clearance: confidential", "clearance: 4", "people.0.clearance: found 4"),
        ("clearance: confidential", "clearance: true", "people.0.clearance: found true"),
        ("identity: ada@acme.example", "identity: Ada", 'people.0.identity: found "Ada"'),
        (
            "training_expires: 2036-01-01T00:00:00Z",
            "training_expires: 2036-01-01T00:00:00",
            "people.0.training_expires",
        ),
        ("projects: [risk]", "project: risk", 'people.0.project: found "risk"'),
        ("    training_expires: 2036-01-01T00:00:00Z", "", "people.0.training_expires: Field required"),
        ("format: lading/directory/v1", "format: lading/directory/v2", 'format: found "lading/directory/v2"'),
        ("organization: auditors.example", "organization: Auditors", "people.2.organization"),
        ("people:", "people: []\npeople:", "found the key 'people' twice"),
        ("people:", "people: [", "cannot be read: line"),
    ],
)
def test_what_is_wrong_is_named(written: Any, old: str, new: str, said: str) -> None:
    assert said in refusal(written(old, new))


def test_a_file_that_is_missing_or_too_large_or_no_text(tmp_path: Path) -> None:
    path = tmp_path / "directory.yaml"
    assert "No such file" in refusal(path)
    path.write_bytes(b"#" * (MAX_DOCUMENT_BYTES + 1))
    assert "bytes" in refusal(path)
    path.write_bytes(b"\xff")
    assert "cannot be read" in refusal(path)
