"""`lading demo`: two organizations, one real handoff."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, Session, verb


@click.command(
    epilog="""\b
Examples:
  lading demo
  lading demo --keep ./demo        keep both workspaces, to look around in
  lading demo --stay               leave the gateways running, for the terminal UI
  lading demo --model ./my-model   hand over a model of your own
"""
)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the workspaces in this folder.")
@click.option(
    "--model", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A model folder of your own."
)
@click.option("--stay", is_flag=True, help="Keep the gateways running with traffic until Ctrl-C.")
@verb
def demo(session: Session, keep: Path | None, model: Path | None, stay: bool) -> int:  # noqa: FBT001 - click's flag
    """Play one handoff between acme.example and borealis.example on real parts, then try to cheat.

    Exits 5 if anything that must succeed fails, or anything that must fail succeeds.
    """
    from engine.demo.story import Options, play

    options = Options(keep=keep.absolute() if keep else None, model=model.absolute() if model else None, stay=stay)
    outcome = play(options, say=(lambda _: None) if session.as_json else _say)
    session.show(outcome, _told)
    return 0 if outcome["ok"] else FAILED


def _say(line: str) -> None:
    click.echo(line)


def _told(outcome: dict[str, Any]) -> str:
    return str(outcome.pop("closing"))
