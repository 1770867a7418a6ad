"""`lading policy`: check a folder of policies, run its suites, ask it a question."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, FAILED, Session, reasons, verb

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def policy() -> None:
    """Cedar policies: check them, test them, ask them."""


def _folder(session: Session, policies: Path | None) -> Path:
    from engine.workspace.layout import Layout

    return policies or Layout(session.home).policies


@policy.command(epilog="\b\nExamples:\n  lading -C acme policy check\n  lading policy check --policies policies")
@click.option("--policies", type=FOLDER, help="A folder of policies.  [default: the workspace's policies/]")
@verb
def check(session: Session, policies: Path | None) -> None:
    """Load and validate policies strictly: syntax, types, ids, owners, remedies."""
    from engine.workspace.policies import check_policies

    session.show(check_policies(_folder(session, policies)), _checked)


def _checked(result: dict[str, Any]) -> str:
    good = click.style("✔", fg="green")
    return f"{good} {result['policies']} policies are valid\n  bundle {result['bundle']}"


@policy.command(epilog="\b\nExamples:\n  lading policy test --policies policies\n  lading -C acme policy test --json")
@click.option("--policies", type=FOLDER, help="A folder of policies.  [default: the workspace's policies/]")
@verb
def test(session: Session, policies: Path | None) -> int:
    """Run the suites in the folder's tests/. Exits 5 when a case fails."""
    from engine.workspace.policies import test_policies

    result = test_policies(_folder(session, policies))
    session.show(result, _tested)
    return 0 if result["ok"] else FAILED


def _tested(result: dict[str, Any]) -> str:
    good, bad = click.style("✔", fg="green"), click.style("✘", fg="red")
    lines = [f"{bad} {each}" for each in result["failures"]]
    mark = bad if result["failures"] else good
    return "\n".join([*lines, f"{mark} {result['passed']} passed, {result['failed']} failed"])


@policy.command(
    epilog="""\b
Examples:
  lading policy decide --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json
"""
)
@click.option("--policies", type=FOLDER, help="A folder of policies.  [default: the workspace's policies/]")
@click.option("--entities", type=FILE, required=True, help="Entities, in Cedar's JSON format.")
@click.option("--request", type=FILE, required=True, help="A request: principal, action, resource, context.")
@verb
def decide(session: Session, policies: Path | None, entities: Path, request: Path) -> int:
    """Ask policies a question from files. Exits 3 on a denial, and says which condition denied."""
    from engine.workspace.policies import decide_files

    result = decide_files(_folder(session, policies), entities, request)
    session.show(result, _decided)
    return 0 if result["decision"] == "permit" else DENIED


def _decided(result: dict[str, Any]) -> str:
    head = f"{result['decision']}  ({', '.join(result['because'])})" if result["because"] else result["decision"]
    return "\n".join([head, *reasons(result["reasons"])])
