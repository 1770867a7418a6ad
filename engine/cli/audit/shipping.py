"""`lading audit ship`: the log to a collector, at least once."""

import os
from pathlib import Path
from typing import Any

import click

from engine.cli.audit.exporting import FORMATS
from engine.cli.audit.following import ended_by_signal
from engine.cli.command import INTERRUPTED, Session, verb
from engine.text import counted


@click.command(
    epilog="""\b
Examples:
  lading -C acme audit ship --to syslog+tls://siem.acme.example:6514 --as ocsf
  lading -C acme audit ship --to https://collector.acme.example/lading --once
  LADING_SHIP_TOKEN=… lading -C acme audit ship --to https://collector.acme.example/in --as cloudevents
"""
)
@click.option(
    "--to", required=True, metavar="URL", help="syslog://HOST:PORT, syslog+tls://HOST:PORT or https://HOST/PATH."
)
@click.option(
    "--as", "name_of_format", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="The format."
)
@click.option("--name", help="Names the destination; its place is kept in state/ship/NAME.json.")
@click.option(
    "--ca", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Trust these certificates (PEM)."
)
@click.option("--once", is_flag=True, help="End when everything was taken, instead of following the log.")
@click.option(
    "--patience", type=click.FloatRange(min=0), help="Give up after so many seconds without success [--once: 60]."
)
@verb
def ship(session: Session, to: str, name_of_format: str, *, once: bool, patience: float | None, **options: Any) -> int:
    """Ship the log to a collector: every entry at least once, from where it stopped last.

    A bearer token for HTTPS is read from LADING_SHIP_TOKEN.
    """
    from engine.workspace.log.shipping import Shipment, ship_log

    shipment = Shipment(
        to=to,
        format=name_of_format,
        token=os.environ.get("LADING_SHIP_TOKEN"),
        patience_seconds=60.0 if once and patience is None else patience,
        follow=not once,
        **options,
    )
    try:
        with ended_by_signal():
            result = ship_log(session.home, shipment, _told)
    except KeyboardInterrupt:
        return INTERRUPTED if once else 0
    session.show(
        result, lambda r: f"shipped {counted(r['shipped'], 'entries')} to {r['destination']}; next is entry {r['next']}"
    )
    return 0


def _told(report: dict[str, Any]) -> None:
    if "why" in report:
        click.echo(f"waiting {report['waiting']} s: {report['why']}", err=True)
