"""An operation is performed by the owner if there is one, otherwise as the owner while it takes."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError, OwnerBusy, PartnerUnreachable, UsageError, WorkspaceError
from engine.wire.operations import operations_app
from engine.wire.server import UnixServer
from engine.wire.unix import unix_address
from engine.workspace import acting
from engine.workspace.acting import act, await_gateway
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.owner import owned_by, owning
from engine.workspace.service import _performer
from tests.unit.workspace.conftest import model


def listing(home: Path, *, who: str | None = "ada") -> Any:
    return act(home, "artifact.list", {}, who=who, on_progress=lambda _: None)


@contextmanager
def gateway(home: Path) -> Iterator[Office]:
    """The part of a gateway that takes operations."""
    layout = Layout(home)
    with owning(layout.lock), Office(layout) as office:
        office.open_everything()
        server = UnixServer(layout.owner_socket, operations_app(_performer(office)))
        server.start()
        try:
            yield office
        finally:
            server.stop()


@pytest.fixture
def stale_socket(home: Path) -> Path:
    """A socket whose process was killed."""
    path = Layout(home).owner_socket
    with socket.socket(socket.AF_UNIX) as dead, unix_address(path) as address:
        dead.bind(address)
    return path


def test_without_an_owner_the_command_is_the_owner_while_it_takes(home: Path) -> None:
    assert listing(home) == {"artifacts": []}
    assert owned_by(Layout(home).lock) is None


@pytest.mark.parametrize("who", ["ada", None])
def test_a_stale_socket_is_taken_away_and_the_command_becomes_the_owner(
    home: Path, stale_socket: Path, who: str | None
) -> None:
    if who is None:
        with pytest.raises(UsageError, match="nobody acts"):
            listing(home, who=who)
    else:
        assert listing(home, who=who) == {"artifacts": []}
    assert not stale_socket.exists()


def test_with_an_owner_the_owner_does_it(home: Path, tmp_path: Path) -> None:
    progress: list[Any] = []
    params = {"path": str(model(tmp_path / "model")), "name": "sentiment", "version": "1"}
    with gateway(home) as office:
        made = act(home, "artifact.pack", params, who="ada", on_progress=progress.append)

        assert owned_by(Layout(home).lock) == os.getpid()
        assert [each.root for each in office.registry.list()] == [made["root"]]
        assert progress[-1] == {"step": "packing", "done": 2, "total": 2}


def test_an_error_of_the_owner_arrives_as_itself(home: Path) -> None:
    with gateway(home):
        with pytest.raises(InputError, match="nothing") as refused:
            act(home, "artifact.show", {"ref": "nothing:1"}, who="ada", on_progress=lambda _: None)
        with pytest.raises(UsageError, match="nobody acts"):
            listing(home, who=None)

    assert refused.value.exit_code == 7
    assert refused.value.remedy


def test_an_owner_that_neither_answers_nor_ends_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "PATIENCE_SECONDS", 0.1)

    with owning(Layout(home).lock), pytest.raises(OwnerBusy, match=f"process {os.getpid()} owns"):
        listing(home)


def test_a_folder_that_is_no_workspace_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a lading workspace"):
        listing(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_waiting_for_a_gateway_ends_when_it_answers(home: Path) -> None:
    with gateway(home):
        await_gateway(home, 5)

        assert listing(home) == {"artifacts": []}


def test_waiting_for_a_gateway_that_does_not_come_ends_too(home: Path, stale_socket: Path) -> None:
    assert stale_socket.exists()

    with pytest.raises(PartnerUnreachable, match=r"did not answer within 0.1 s"):
        await_gateway(home, 0.1)
