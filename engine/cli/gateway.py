"""`lading gateway`: the organization's service."""

import logging

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

    await_gateway(session.home, timeout)
    session.show({"ready": True}, lambda _: f"the gateway of {session.home.name} takes connections")
