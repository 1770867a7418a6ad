"""Performing an operation: by the workspace's owner if there is one, otherwise as the owner while it takes."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import OwnerBusy, PartnerUnreachable
from engine.workspace.layout import Layout
from engine.workspace.owner import owning
from engine.workspace.settings import load_settings

PATIENCE_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.05

Progress = Callable[[Any], None]


def act(home: Path, operation: str, params: Mapping[str, Any], *, who: str | None, on_progress: Progress) -> Any:
    """Perform an operation on a workspace and return its result.

    Args:
        home: the workspace folder.
        operation: a name from `engine.workspace.operations`, such as `artifact.pack`.
        params: its parameters, JSON values.
        who: the name to act as; the owner mints a token for it, in the sandbox only.
        on_progress: called with progress reports, from the calling thread.

    Raises:
        LadingError: whatever the operation says, wherever it ran.
        OwnerBusy: another command owns the workspace and does not finish.
    """
    layout = Layout(home)
    load_settings(layout.settings)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if layout.owner_socket.exists():
            answered, result = _ask_owner(layout, operation, params, who, on_progress)
            if answered:
                return result
        try:
            with owning(layout.lock):
                return _be_owner(layout, operation, params, who, on_progress)
        except OwnerBusy:
            if time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def await_gateway(home: Path, seconds: float) -> None:
    """Return once the workspace's gateway answers its people, which is after partners can connect.

    Raises:
        PartnerUnreachable: it does not in time.
    """
    from contextlib import closing

    from engine.wire.unix import UnixConnection

    layout = Layout(home)
    load_settings(layout.settings)
    deadline = time.monotonic() + seconds
    while True:
        with closing(UnixConnection(layout.owner_socket, timeout=seconds or None)) as connection:
            try:
                connection.connect()
            except OSError:
                pass
            else:
                return
        if time.monotonic() >= deadline:
            raise PartnerUnreachable(
                f"the gateway of {home} did not answer within {seconds:g} s",
                remedy=f"Start it with 'lading -C {home} gateway', and see what it says.",
            )
        time.sleep(PAUSE_SECONDS)


def _be_owner(layout: Layout, operation: str, params: Mapping[str, Any], who: str | None, progress: Progress) -> Any:
    from engine.workspace.keeping.erasing import settle
    from engine.workspace.office import Office
    from engine.workspace.operations import REPAIR, Call, perform

    layout.owner_socket.unlink(missing_ok=True)
    with Office(layout) as office:
        if layout.erasing.exists() and operation != REPAIR:
            settle(office)
        token = office.mint(who)
        return perform(office, operation, Call(token, params, progress, threading.Event()))


def _ask_owner(
    layout: Layout, operation: str, params: Mapping[str, Any], who: str | None, progress: Progress
) -> tuple[bool, Any]:
    """Have the owner do it; return False first if nobody answers at its socket."""
    from engine.wire.owner import call_owner

    try:
        token = call_owner(layout.owner_socket, "identity.mint", None, {"who": who}, progress) if who else None
        return True, call_owner(layout.owner_socket, operation, token, params, progress)
    except OwnerBusy:
        return False, None
