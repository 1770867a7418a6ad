"""`lading policy check`: is a folder of policies sound."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, verb
from engine.cli.policy.folder import folder, policies_option, warn
from engine.text import agreeing, counted


@click.command(epilog="\b\nExamples:\n  lading -C acme policy check\n  lading policy check --policies policies")
@policies_option
@verb
def check(session: Session, policies: Path | None) -> None:
    """Load and validate policies strictly: syntax, types, ids, owners, remedies."""
    from engine.workspace.governing.folders import check_policies

    result = check_policies(folder(session, policies))
    session.show(result, _checked)
    if not session.as_json:
        warn(result["warnings"])


def _checked(result: dict[str, Any]) -> str:
    good = click.style("✔", fg="green")
    count = result["policies"]
    return f"{good} {counted(count, 'policies')} {agreeing(count, 'are')} valid\n  bundle {result['bundle']}"
