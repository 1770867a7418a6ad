"""The two organizations of the demo: their workspaces, their gateway processes, and one way to ask them things."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.errors import PartnerUnreachable
from engine.events import system_clock
from engine.files import write_atomic
from engine.workspace.acting import act
from engine.workspace.creation import create

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.02

PEOPLE: Final = """\
format: lading/directory/v1

people:
{people}
services:
  - name: gateway
    identity: spiffe://{org}/gateway
    roles: [service, receiver]
    clearance: restricted
"""

PERSON: Final = """\
  - name: {name}
    identity: {name}@{org}
    roles: [{roles}]
    clearance: restricted
    training_expires: {training}
"""


def _nothing(_: Any) -> None:
    """Take a progress report and do nothing with it."""


@dataclass(slots=True)
class Organization:
    """One organization, its workspace and its gateway.

    Attributes:
        id: such as `acme.example`.
        name: such as `Acme`.
        region: where it is.
        home: its workspace.
        people: the roles of each person, by name; the first one speaks for it.
        gateway: its gateway process, while one runs.
    """

    id: str
    name: str
    region: str
    home: Path
    people: Mapping[str, str]
    gateway: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def admin(self) -> str:
        """Who speaks for it."""
        return next(iter(self.people))

    def set_up(self, listen: str | None = None, url: str | None = None) -> None:
        """Make the workspace, describe its people, and issue the trust document that names them.

        Args:
            listen: where its gateway listens, `host:port`; on a free port of this machine alone if None.
            url: where partners reach it; there if None.
        """
        listen = listen or f"127.0.0.1:{free_port()}"
        create(self.home, org=self.id, name=self.name, region=self.region, admin=self.admin, listen=listen, url=url)
        training = system_clock().replace(month=12, day=31).strftime("%F") + "T23:59:59Z"
        people = "".join(
            PERSON.format(name=name, org=self.id, roles=roles, training=training) for name, roles in self.people.items()
        )
        write_atomic(self.home / "directory.yaml", PEOPLE.format(people=people, org=self.id).encode())
        self.ask("trust.issue", {})

    def ask(
        self,
        operation: str,
        params: Mapping[str, Any],
        *,
        who: str | None = None,
        progress: Callable[[Any], None] = _nothing,
    ) -> Any:
        """Have its owner perform an operation, as one of its people."""
        return act(self.home, operation, params, who=who or self.admin, on_progress=progress)

    def start(self) -> None:
        """Start the gateway, and return when it takes connections.

        Raises:
            PartnerUnreachable: it ended, or did not become ready; what it said is in the message.
        """
        log = self.home / "state" / "gateway.log"
        with log.open("ab") as output:
            start = output.tell()
            self.gateway = subprocess.Popen(
                [sys.executable, "-m", "engine.cli", "-C", str(self.home), "gateway"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while b"listens on" not in log.read_bytes()[start:]:
            if self.gateway.poll() is not None or time.monotonic() > deadline:
                said = log.read_bytes()[start:].decode("utf-8", "replace").strip()
                raise PartnerUnreachable(f"the gateway of {self.id} did not start: {said}", remedy="See what it says.")
            time.sleep(PAUSE_SECONDS)

    def kill(self) -> None:
        """Kill every process of the gateway with SIGKILL, and return when none is left."""
        if self.gateway is None:
            return
        os.killpg(self.gateway.pid, signal.SIGKILL)
        self.gateway.wait()
        deadline = time.monotonic() + STOP_SECONDS
        while _group_lives(self.gateway.pid) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        self.gateway = None

    def stop(self) -> None:
        """Have the gateway finish what runs and end."""
        if self.gateway is None:
            return
        self.gateway.terminate()
        try:
            self.gateway.wait(STOP_SECONDS)
            self.gateway = None
        except subprocess.TimeoutExpired:
            self.kill()


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
