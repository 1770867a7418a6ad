"""`lading gateway`: the owner process of a workspace as a service, until it is told to stop."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from engine.errors import LadingError, UsageError
from engine.events import Event, event_id, timestamp
from engine.gateway.handlers import GatewayHandlers
from engine.gateway.loops import Loop, finish_arrivals, reauthorize
from engine.gateway.refusals import Refusals
from engine.policy.rollout.store import Candidate
from engine.policy.rollout.watch import FolderWatch
from engine.store import read_key
from engine.wire.config import ListenerConfig
from engine.wire.control import control_app
from engine.wire.journal import Journal
from engine.wire.listeners import Listeners
from engine.wire.operations import operations_app
from engine.wire.server import UnixServer
from engine.wire.tls import peer_organization
from engine.workspace.composition import gateway_parts
from engine.workspace.keeping.erasing import settle
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.operations import Call, perform
from engine.workspace.operations.agreements import record_ended
from engine.workspace.operations.keeping import apply_retention
from engine.workspace.owner import owning
from engine.workspace.settings import load_settings
from engine.workspace.witness.round import WitnessRound

logger = logging.getLogger("lading.policy")

BACKLOG = 256
ARRIVAL_SECONDS = 5.0
DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3_600.0
FIRST_RETENTION_SECONDS = 60.0
REFUSALS_SECONDS = 30.0
OWNER_PATIENCE_SECONDS = 10.0


def serve(home: Path, *, on_ready: Callable[[str], None]) -> None:
    """Own the workspace and serve it until SIGINT or SIGTERM.

    Args:
        home: the workspace.
        on_ready: called with the address once partners can connect.

    Raises:
        OwnerBusy: another gateway owns the workspace.
        WireError: the address is taken, or a listener does not start.
    """
    layout = Layout(home)
    settings = load_settings(layout.settings)
    stop = threading.Event()
    with (
        _told_to_stop(stop),
        owning(layout.lock, patience_seconds=OWNER_PATIENCE_SECONDS),
        _listening(*settings.gateway.address) as listening,
        Office(layout) as office,
        ExitStack() as running,
    ):
        _start(office, listening, running)
        on_ready(settings.gateway.listen)
        stop.wait()


def _start(office: Office, listening: socket.socket, running: ExitStack) -> None:
    """Start everything; what was started is stopped in the opposite order when `running` closes."""
    layout = office.layout
    office.open_everything()
    settle(office)
    journal = Journal(layout.gateway_database, office.clock)
    running.callback(journal.close)
    parts = gateway_parts(office, journal)
    seconds = office.settings.gateway
    witnessing = Loop("witnessing", seconds.witness_seconds, WitnessRound(office).run)

    def finish() -> None:
        if finish_arrivals(parts):
            witnessing.wake()  # a verdict is witnessed at once, not at the next round

    arrivals = Loop("arrivals", ARRIVAL_SECONDS, finish)
    reauthorization = Loop("reauthorization", seconds.reauthorize_seconds, lambda: reauthorize(parts))
    for loop in (witnessing, arrivals, reauthorization):
        _run(running, loop)
    _run(running, Loop("agreements", HOUR_SECONDS, lambda: record_ended(office)))
    if office.settings.retention.daily:
        _run(running, Loop("retention", HOUR_SECONDS, daily(lambda: retain(office)), first=FIRST_RETENTION_SECONDS))
    refusals = Refusals(parts, time.monotonic)
    running.callback(refusals.finish)
    _run(running, Loop("refusals", REFUSALS_SECONDS, refusals.record))
    handlers = GatewayHandlers(parts, lambda _: arrivals.wake(), refusals)
    control = control_app(handlers, lambda der: peer_organization(der, office.dialing.bundles(), office.clock()))
    _run(running, UnixServer(layout.wire_socket, control))
    listeners = Listeners(listening, _config(office), count=seconds.workers)
    _run(running, listeners)
    third = seconds.certificate_minutes * 60 / 3
    one_at_a_time = threading.Lock()

    def renew() -> None:
        with one_at_a_time:
            listeners.replace(_config(office))

    _run(running, Loop("rotation", third, renew, first=third))
    office.on_partners_changed.append(renew)
    _run(running, FolderWatch(layout.policies, office.governance.see, say_of_policies))
    _run(running, UnixServer(layout.owner_socket, operations_app(_performer(office))))
    _record(office, "gateway.started")
    running.callback(_record, office, "gateway.stopped")


class Service(Protocol):
    """Something that runs beside the main thread until it is stopped."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, having finished what runs."""
        ...


def _run(running: ExitStack, service: Service) -> None:
    service.start()
    running.callback(service.stop)


def daily(work: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Return what does some work when it is first called, and then at most once in 24 hours that it succeeds."""
    due = 0.0

    def round_() -> None:
        nonlocal due
        now = clock()
        if now >= due:
            work()
            due = now + DAY_SECONDS

    return round_


def retain(office: Office) -> None:
    """Apply the retention profile of the settings, as the gateway."""
    call = Call(None, {}, lambda _: None, threading.Event())
    done = apply_retention(office, call, office.settings.service_identity, dry_run=False)
    erased = len(done["entries"]) + sum(len(each["entries"]) for each in done["former"])
    if erased or done["kept"]:
        kept = sum(len(each["entries"]) for each in done["kept"])
        logging.getLogger("lading.retention").warning(
            "erased the payloads of %d entries, kept %d that are held or needed", erased, kept
        )


def say_of_policies(found: Candidate | str | None) -> None:
    """Say in the gateway's own words what became of a change in the policy folder."""
    match found:
        case None:
            logger.warning("the policy folder holds what decides again")
        case str():
            logger.warning("the active policies stay: %s", found)
        case Candidate(state="broken" | "failing"):
            logger.warning("bundle %s is %s, the active policies stay: %s", *_stands(found), found.report["summary"])
        case Candidate(state="ready"):
            logger.warning("bundle %s is %s and decides nothing yet: 'lading policy propose' it", *_stands(found))
        case Candidate():
            logger.warning("bundle %s is %s", *_stands(found))


def _stands(found: Candidate) -> tuple[str, str]:
    return found.digest[:16], found.state


def _performer(office: Office) -> Callable[..., Any]:
    def work(
        name: str,
        token: str | None,
        params: Mapping[str, Any],
        progress: Callable[[Any], None],
        cancelled: threading.Event,
    ) -> Any:
        return perform(office, name, Call(token, params, progress, cancelled))

    return work


def _config(office: Office) -> ListenerConfig:
    layout = office.layout
    return ListenerConfig(
        leaf=office.dialing.leaf(),
        bundles=office.dialing.bundles(),
        store=layout.store,
        names_key=read_key(layout.keys / "store-names.key"),
        journal=layout.gateway_database,
        owner_socket=layout.wire_socket,
    )


def _record(office: Office, kind: str) -> None:
    now = timestamp(office.clock())
    try:
        office.log.record(
            Event(id=event_id(kind, now), type=kind, actor=office.settings.service_identity, payload={"at": now})
        )
        office.remember_own()
    except LadingError as error:
        if kind == "gateway.started":
            raise
        logging.getLogger("lading.gateway").warning("that the gateway stopped is not on record: %s", error)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError as error:
            raise UsageError(
                f"the gateway cannot listen on {host}:{port}: {error.strerror}",
                remedy="Stop what listens there, or change [gateway] listen and url in lading.toml.",
            ) from None
        yield listening


@contextmanager
def _told_to_stop(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on SIGINT and SIGTERM inside the block."""
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
