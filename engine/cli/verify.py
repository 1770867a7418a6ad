"""`lading verify`: who signed an artifact, by which log and root."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, carried_over, verb
from engine.cli.progress import Bar
from engine.errors import EvidenceError


@click.command(
    epilog="""\b
Examples:
  lading -C borealis --as bea verify sentiment:3.1
  lading -C borealis --as bea verify ./exported-model
"""
)
@click.argument("artifact", metavar="ARTIFACT|PATH")
@verb
def verify(session: Session, artifact: str) -> int:
    """Say who signed what, by which log and root, and how to check it with tools that are not lading.

    A PATH that an artifact was packed from or exported to here is hashed and compared with that artifact alone, and
    what was changed in it is logged; any other, with the artifact it is closest to. Exits 4 when anything does not
    verify.
    """
    named = str(Path(artifact).absolute()) if Path(artifact).is_dir() else artifact  # the owner may be somewhere else
    with Bar("verifying", enabled=not session.as_json) as bar:
        result = session.act("artifact.verify", {"artifact": named}, progress=bar.update)
    session.show(result, _verified)
    return 0 if result["ok"] else EvidenceError.exit_code


def _verified(result: dict[str, Any]) -> str:
    good, bad = click.style("✔", fg="green"), click.style("✘", fg="red")
    lines = [f"{result['artifact']}  {result['root']}"]
    for item in result["signatures"]:
        lines += [
            f"{good} {item['what']}",
            f"    signed by  {item['identity']} ({item['issuer']})",
            f"    when       {item['time']}",
            f"    log        {item['log']}, entry {item['log_index']}",
            f"    root       {item['root']}",
        ]
    lines += [f"{bad} {p['subject']}: {p['message']}\n    {carried_over(p['remedy'])}" for p in result["problems"]]
    return "\n".join([*lines, "the same with other tools:", *(f"  {command}" for command in result["commands"])])
