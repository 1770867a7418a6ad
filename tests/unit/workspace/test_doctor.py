"""The doctor names each broken part with its remedy; one broken part does not hide the others."""

import os
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.events import system_clock
from engine.workspace import doctor
from engine.workspace.doctor import examine
from engine.workspace.layout import Layout
from engine.workspace.owner import owning
from engine.workspace.partners import own_document
from tests.integration.simulator import PartnerSimulator
from tests.unit.workspace.conftest import ask, hire


def states(home: Path) -> dict[str, str]:
    """The worst state of each part."""
    worst: dict[str, str] = {}
    rank = ("ok", "warning", "error")
    for check in examine(home)["checks"]:
        worst[check["name"]] = max(check["state"], worst.get(check["name"], "ok"), key=rank.index)
    return worst


def test_a_new_workspace_is_healthy(home: Path) -> None:
    report = examine(home)

    assert report["healthy"]
    assert [each["name"] for each in report["checks"]] == [
        "settings",
        "keys",
        "directory",
        "policies",
        "trust",
        "agreements",
        "log",
        "witnesses",
        "owner",
        "owner",
        "space",
    ]
    assert all(each["remedy"] for each in report["checks"] if each["state"] != "ok")


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(home: Path) -> None:
        path = home / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return edit


def _tamper(home: Path) -> None:
    with closing(sqlite3.connect(home / "state" / "audit.db")) as database:
        database.execute("UPDATE event SET type = 'workspace.destroyed'")
        database.commit()


BROKEN: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "unknown setting": (_edit("lading.toml", "[signing]", "[signng]"), "settings", "signng", "Mend"),
    "open keys folder": (lambda home: (home / "keys").chmod(0o755), "keys", "has mode 0755", "chmod 700"),
    "open key": (lambda home: (home / "keys" / "log.pem").chmod(0o644), "keys", "log.pem has mode 0644", "chmod 600"),
    "lost key": (lambda home: (home / "keys" / "store.key").unlink(), "keys", "store.key is missing", "Restore"),
    "lost keys": (lambda home: shutil.rmtree(home / "keys"), "keys", "No such file", "permissions"),
    "broken directory": (
        _edit("directory.yaml", "people:", "peopel:"),
        "directory",
        "peopel",
        "samples/directory.yaml",
    ),
    "no gateway": (
        _edit("directory.yaml", "spiffe://acme.example/gateway", "spiffe://acme.example/other"),
        "directory",
        "no service has the identity spiffe://acme.example/gateway",
        "every offer is refused",
    ),
    "broken policy": (_edit("policies/use.cedar", "permit", "premit"), "policies", "use.cedar", ""),
    "altered trust": (_edit("trust/own/trust.json", '"region":"EU"', '"region":"US"'), "trust", "acme.example", ""),
    "lost log": (lambda home: (home / "state" / "audit.db").unlink(), "log", "has lost its log", "backup"),
    "edited log": (_tamper, "log", "does not hold together", "lading audit verify"),
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_a_broken_part_is_named_with_its_remedy(home: Path, wrong: str) -> None:
    damage, part, said, remedy = BROKEN[wrong]
    damage(home)

    report = examine(home)

    found = [each for each in report["checks"] if each["state"] == "error" and each["name"] == part]
    assert not report["healthy"]
    assert said in found[0]["message"]
    assert found[0]["remedy"]
    assert remedy in found[0]["remedy"]


def test_one_broken_part_does_not_hide_another(home: Path) -> None:
    (home / "keys" / "log.pem").unlink()
    (home / "directory.yaml").unlink()
    (home / "state" / "audit.db").write_bytes(b"not a database")

    found = states(home)

    assert (found["keys"], found["directory"], found["log"]) == ("error", "error", "error")
    assert (found["settings"], found["policies"], found["trust"]) == ("ok", "ok", "ok")


@pytest.mark.parametrize(("days", "state"), [(100, "ok"), (340, "warning"), (400, "error")])
def test_a_trust_document_is_watched_before_it_expires(
    home: Path, monkeypatch: pytest.MonkeyPatch, days: int, state: str
) -> None:
    monkeypatch.setattr(doctor, "system_clock", lambda: system_clock() + timedelta(days=days))

    assert states(home)["trust"] == state


def test_a_partner_that_waits_to_be_confirmed_is_named(two: PartnerSimulator, tmp_path: Path) -> None:
    acme, borealis = two.acme.office, two.borealis.office
    hire(acme.layout.home, "zed", roles="approver")
    ask(acme, "trust.issue")
    file = tmp_path / "trust.json"
    file.write_bytes(own_document(acme.layout.home)[0])
    ask(borealis, "partner.add", "bea", file=str(file))

    [waiting] = [each for each in examine(borealis.layout.home)["checks"] if each["state"] == "warning"][:1]

    assert waiting["message"] == "acme.example waits to be confirmed"
    assert "fingerprint" in waiting["remedy"]


def test_an_owner_is_named(home: Path) -> None:
    with owning(Layout(home).lock):
        messages = [each["message"] for each in examine(home)["checks"] if each["name"] == "owner"]

    assert messages[0] == f"process {os.getpid()} owns the workspace"


def test_little_space_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil returns it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 1 << 40, 5 << 20))

    report = examine(home)

    assert report["healthy"]
    assert report["checks"][-1]["message"] == "5 MiB are free"


def test_a_folder_that_is_no_workspace_is_said_so(tmp_path: Path) -> None:
    report = examine(tmp_path)

    assert not report["healthy"]
    assert "is not a lading workspace" in report["checks"][0]["message"]


def test_people_that_do_not_fit_the_schema_are_named_with_their_place(home: Path) -> None:
    _edit(
        "policies/lading.cedarschema",
        "  clearance: Long,\n  trainingExpires",
        "  badge: String,\n  clearance: Long,\n  trainingExpires",
    )(home)

    [first, *_] = [each for each in examine(home)["checks"] if each["name"] == "fit"]

    assert first["state"] == "error"
    assert "people[0] (ada)" in first["message"]
    assert "badge" in first["message"]


def test_a_role_that_nobody_can_hold_is_a_warning(home: Path) -> None:
    _edit("policies/people.cedar", 'Role::"approver"', 'Role::"aprover"')(home)

    [warning] = [each for each in examine(home)["checks"] if each["name"] == "fit"]

    assert (warning["state"], "'aprover'" in warning["message"]) == ("warning", True)
