"""`lading tui`: starts the terminal UI by its entry point, so that the engine never imports it."""

import sys

import click

from engine.cli.command import Session, verb


@click.command(epilog="\b\nExamples:\n  lading -C acme tui\n  LADING_ASCII=1 lading -C acme tui")
@verb
def tui(session: Session) -> int:
    """Watch an organization in the terminal (2 transfers, 3 decisions, 4 policies, 5 audit, ? help, q quit)."""
    from importlib.metadata import entry_points

    from engine.errors import LadingError, UsageError
    from engine.workspace.layout import Layout
    from engine.workspace.settings import load_settings

    load_settings(Layout(session.home).settings)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the terminal UI needs a terminal", remedy="Run it in one, with no pipe or file beside it.")
    found = entry_points(group="lading.screens", name="tui")
    if not found:
        raise LadingError("this installation has no terminal UI", remedy="Install lading again.")
    run = next(iter(found)).load()
    return int(run(session.home, session.who))
