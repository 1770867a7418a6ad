"""A trust document follows from keys and directory: a change of either is a new version, nothing else is."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import InputError, WorkspaceError
from engine.events import system_clock
from engine.signing.trust_document import TrustDocument
from engine.workspace.issuing import GATEWAY_SIGNS, SIGNS, issue_document
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings
from tests.unit.workspace.conftest import hire


def issue(home: Path, *, days: float = 0) -> tuple[TrustDocument, bool]:
    layout = Layout(home)
    return issue_document(layout, load_settings(layout.settings), system_clock() + timedelta(days=days))


def signs(document: TrustDocument) -> dict[str, set[str]]:
    return {each.identity: set(each.predicate_types) for each in document.identities}


def test_nothing_changed_is_the_same_document(home: Path) -> None:
    before = (home / "trust" / "own" / "trust.json").read_bytes()

    document, changed = issue(home)

    assert (document.version, changed) == (1, False)
    assert (home / "trust" / "own" / "trust.json").read_bytes() == before


def test_a_new_person_is_a_new_version(home: Path) -> None:
    hire(home, "abe", roles="approver")

    document, changed = issue(home)

    assert (document.version, changed) == (2, True)
    assert signs(document)["abe@acme.example"] == set(SIGNS["approver"])
    assert issue(home) == (document, False)


def test_who_may_sign_what_follows_from_roles(home: Path) -> None:
    hire(home, "abe", roles="approver, auditor")
    hire(home, "eve", roles="receiver")

    document, _ = issue(home)

    assert "eve@acme.example" not in signs(document)
    assert signs(document)["abe@acme.example"] == {*SIGNS["approver"], *SIGNS["auditor"]}
    assert signs(document)["spiffe://acme.example/gateway"] == set(GATEWAY_SIGNS)


def test_people_of_other_organizations_sign_nothing_in_our_name(home: Path) -> None:
    hire(home, "bea", roles="sender")
    path = home / "directory.yaml"
    path.write_text(path.read_text().replace("  - name: bea\n", "  - name: bea\n    organization: borealis.example\n"))

    document, _ = issue(home)

    assert "bea@acme.example" not in signs(document)


def test_another_address_is_a_new_version(home: Path) -> None:
    path = home / "lading.toml"
    path.write_text(path.read_text().replace("https://127.0.0.1:8443", "https://gateway.acme.example:443"))

    document, changed = issue(home)

    assert (document.version, changed) == (2, True)
    assert document.gateway_url == "https://gateway.acme.example:443"


@pytest.mark.parametrize(("days", "changed"), [(200, False), (300, True), (400, True)])
def test_a_document_that_runs_out_is_made_anew_in_time(home: Path, days: int, changed: bool) -> None:  # noqa: FBT001
    document, issued = issue(home, days=days)

    assert issued is changed
    assert document.expires > system_clock() + timedelta(days=days)


def test_without_a_root_key_nothing_is_issued(home: Path) -> None:
    hire(home, "abe", roles="approver")
    (home / "keys" / "root-2.pem").unlink()

    with pytest.raises(WorkspaceError, match=r"root-2.pem is missing"):
        issue(home)


def test_a_broken_directory_is_named(home: Path) -> None:
    (home / "directory.yaml").write_text("people: [")

    with pytest.raises(InputError, match=r"directory.yaml"):
        issue(home)
