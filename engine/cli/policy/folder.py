"""What the verbs of `lading policy` share: where the policies are."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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


def finding(each: Mapping[str, Any]) -> str:
    """Word a finding: its place, what it is and what to do."""
    bad = each["severity"] == "error"
    mark = click.style("✘", fg="red") if bad else click.style("▲", fg="yellow")
    return f"{mark} {each['subject']}: {each['message']} ({each['code']})\n  remedy    {each['remedy']}"


def warn(findings: Iterable[Mapping[str, Any]]) -> None:
    """Say on standard error what is to be said about the policies."""
    for each in findings:
        click.echo(finding(each), err=True)
