"""`lading gateway`: the organization's service."""

import logging
from typing import Any

import click

from engine.cli.command import Session, verb


@click.command(epilog="\b\nExamples:\n  lading -C borealis gateway\n  LADING_HOME=borealis lading gateway")
@verb
def gateway(session: Session) -> None:
    """Run the organization's gateway until it is told to stop (Ctrl-C, SIGTERM).

    It takes offers and chunks from partners over mutual TLS, keeps the log, witnesses partners' logs, and performs
    the operations of every other lading command on this workspace while it runs.
    """
    from engine.workspace.service import serve

    def ready(address: str) -> None:
        click.echo(f"gateway of {session.home.name} listens on {address}; Ctrl-C stops it", err=True)

    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING)
    serve(session.home, on_ready=ready)


@click.command(epilog="\b\nExamples:\n  lading -C borealis gateway &\n  lading -C borealis ready --timeout 60")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to wait at most."
)
@verb
def ready(session: Session, timeout: float) -> None:
    """Wait until the workspace's gateway takes connections. Exits 6 when it does not in time."""
    from engine.workspace.acting import await_gateway
    from engine.workspace.layout import Layout
    from engine.workspace.witness.alarms import read_alarms, unresolved_forks

    await_gateway(session.home, timeout)
    layout = Layout(session.home)
    result = {"ready": True, "stale": sorted(read_alarms(layout)), "forks": list(unresolved_forks(layout))}
    session.show(result, lambda r: _ready(session.home.name, r))


def _ready(name: str, result: dict[str, Any]) -> str:
    mark = click.style("▲", fg="yellow")
    late = [f"{mark} not cosigned for too long by: {each}" for each in result["stale"]]
    forks = [f"{mark} a partner's log contradicted itself: fork {each}" for each in result["forks"]]
    return "\n".join([f"the gateway of {name} takes connections", *late, *forks])
