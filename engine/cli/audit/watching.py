"""`lading audit watch`: entries as they are recorded."""

import json
from contextlib import suppress

import click

from engine.cli.audit.following import ended_by_signal
from engine.cli.audit.reading import FilterCommand, filter_completion, row_cells
from engine.cli.command import Session, verb

_WIDTHS = (1, 7, 24, 22, 30, 20, 14, 8)


@click.command(
    cls=FilterCommand,
    epilog="""\b
Examples:
  lading -C acme audit watch
  lading -C acme audit watch 'decision:deny or type:*.failed' --since 1h
  lading -C acme audit watch 'type:transfer.*' --json | jq .transfer
""",
)
@click.argument("text", metavar="[FILTER]", default="", shell_complete=filter_completion)
@click.option("--since", metavar="MOMENT", help="Begin with what was recorded since then: 2h, 2026-11-01.")
@verb
def watch(session: Session, text: str, since: str | None) -> None:
    """Follow the log: entries that meet FILTER, one line each as they are recorded, until Ctrl-C.

    With --json each line is one JSON object.
    """
    from engine.workspace.log.watch import watch_log

    with suppress(KeyboardInterrupt), ended_by_signal():
        for entry in watch_log(session.home, text, since):
            if session.as_json:
                click.echo(json.dumps(entry, ensure_ascii=False))
            else:
                cells = zip(row_cells(entry), _WIDTHS, strict=True)
                click.echo("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
