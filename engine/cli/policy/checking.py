"""`lading policy check | test`: is a folder of policies sound, and does it pass its suites."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, Session, verb
from engine.cli.policy.folder import folder, policies_option


@click.command(epilog="\b\nExamples:\n  lading -C acme policy check\n  lading policy check --policies policies")
@policies_option
@verb
def check(session: Session, policies: Path | None) -> None:
    """Load and validate policies strictly: syntax, types, ids, owners, remedies."""
    from engine.workspace.policies import check_policies

    session.show(check_policies(folder(session, policies)), _checked)


def _checked(result: dict[str, Any]) -> str:
    good = click.style("✔", fg="green")
    return f"{good} {result['policies']} policies are valid\n  bundle {result['bundle']}"


@click.command(epilog="\b\nExamples:\n  lading policy test --policies policies\n  lading -C acme policy test --json")
@policies_option
@verb
def test(session: Session, policies: Path | None) -> int:
    """Run the suites in the folder's tests/. Exits 5 when a case fails."""
    from engine.workspace.policies import test_policies

    result = test_policies(folder(session, policies))
    session.show(result, _tested)
    return 0 if result["ok"] else FAILED


def _tested(result: dict[str, Any]) -> str:
    good, bad = click.style("✔", fg="green"), click.style("✘", fg="red")
    lines = [f"{bad} {each}" for each in result["failures"]]
    mark = bad if result["failures"] else good
    return "\n".join([*lines, f"{mark} {result['passed']} passed, {result['failed']} failed"])
