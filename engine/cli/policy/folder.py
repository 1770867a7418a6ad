"""What the verbs of `lading policy` share: where the policies are."""

from pathlib import Path

import click

from engine.cli.command import Session

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

policies_option = click.option(
    "--policies", type=FOLDER, help="A folder of policies.  [default: the workspace's policies/]"
)


def folder(session: Session, policies: Path | None) -> Path:
    """Return the policy folder that was named, or the workspace's own."""
    from engine.workspace.layout import Layout

    return policies or Layout(session.home).policies
