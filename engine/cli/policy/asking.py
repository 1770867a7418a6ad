"""`lading policy decide`: ask policies a question from files."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, Session, reasons, verb
from engine.cli.policy.folder import FILE, folder, policies_option, warn


@click.command(
    epilog="""\b
Examples:
  lading policy decide --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json
  lading policy decide --raw --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json
"""
)
@policies_option
@click.option("--entities", type=FILE, required=True, help="Entities, in Cedar's JSON format.")
@click.option("--request", type=FILE, required=True, help="A request: principal, action, resource, context.")
@click.option("--raw", is_flag=True, help="Print Cedar's own answer, with no guard before or behind it.")
@verb
def decide(session: Session, policies: Path | None, entities: Path, request: Path, *, raw: bool) -> int:
    """Ask policies a question from files. Exits 3 on a denial, and says which condition denied.

    Policies may be unfinished: a missing @id, @owner or @remedy is a warning here. Where a forbid could silently not
    apply, the answer is no, and 'failsafe' says why.
    """
    from engine.workspace.governing.folders import decide_files, raw_files

    if raw:
        told = raw_files(folder(session, policies), entities, request)
        session.show(told, lambda answer: str(answer["raw"]))
        return 0 if told["raw"] == "Allow" else DENIED
    result = decide_files(folder(session, policies), entities, request)
    session.show(result, _decided)
    if not session.as_json:
        warn(result["warnings"])
    return 0 if result["decision"] == "permit" else DENIED


def _decided(result: dict[str, Any]) -> str:
    lines = [f"{result['decision']}  ({', '.join(result['because'])})"]
    if result["failsafe"]:
        lines += [f"  error     {each}" for each in result["errors"]]
        lines.append(f"  cedar     {result['raw']}")
    lines += reasons(result["conditions"])
    if not result["conditions"] and result["decision"] != "permit":
        lines += [f"  remedy    {each}" for each in result["remedies"]]
    return "\n".join(lines)
