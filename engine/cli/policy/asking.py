"""`lading policy decide`: ask policies a question from files."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, Session, reasons, verb
from engine.cli.policy.folder import FILE, folder, policies_option


@click.command(
    epilog="""\b
Examples:
  lading policy decide --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json
"""
)
@policies_option
@click.option("--entities", type=FILE, required=True, help="Entities, in Cedar's JSON format.")
@click.option("--request", type=FILE, required=True, help="A request: principal, action, resource, context.")
@verb
def decide(session: Session, policies: Path | None, entities: Path, request: Path) -> int:
    """Ask policies a question from files. Exits 3 on a denial, and says which condition denied."""
    from engine.workspace.policies import decide_files

    result = decide_files(folder(session, policies), entities, request)
    session.show(result, _decided)
    return 0 if result["decision"] == "permit" else DENIED


def _decided(result: dict[str, Any]) -> str:
    head = f"{result['decision']}  ({', '.join(result['because'])})" if result["because"] else result["decision"]
    return "\n".join([head, *reasons(result["reasons"])])
