"""`lading init` and `lading doctor`."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, Session, carried_over, verb


@click.command(
    epilog="""\b
Examples:
  lading init acme --org acme.example --name "Acme" --region EU --admin ada
  lading init borealis --org borealis.example --name "Borealis" --region US \\
      --admin bea --listen 127.0.0.1:9443
"""
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--org", required=True, help="The organization's id, a DNS name such as acme.example.")
@click.option("--name", required=True, help="The organization's name, for people.")
@click.option("--region", required=True, help="Where it is: EU, or an ISO 3166 code such as US or US-CA.")
@click.option("--admin", metavar="NAME", required=True, help="The first person in directory.yaml, with every role.")
@click.option("--listen", metavar="ADDRESS:PORT", help="Where its gateway listens.  [default: 127.0.0.1:8443]")
@click.option("--url", metavar="URL", help="What partners dial.  [default: https:// and the address]")
@verb
def init(_: Session, folder: Path, **options: str | None) -> None:
    """Make a workspace for an organization: settings, keys, starter policies, an empty log.

    Running it again on the same folder with the same options changes nothing; other options are refused.
    """
    from engine.workspace.creation import create

    made = create(folder.absolute(), **options)  # type: ignore[arg-type]
    _.show(made, _created)


def _created(made: dict[str, Any]) -> str:
    if made["existed"]:
        return f"{made['home']} already is the workspace of {made['organization']}; nothing was changed"
    return (
        f"made the workspace of {made['organization']} in {made['home']}\n"
        f"  directory.yaml   {made['admin']} holds every role; add your people\n"
        f"  policies/        the starter policies; keep them in git\n"
        f"  fingerprint      {made['fingerprint']}\n"
        f"next: lading -C {made['home']} trust export -o {made['organization']}.trust.json"
    )


@click.command(epilog="\b\nExamples:\n  lading -C acme doctor\n  lading -C acme doctor --json")
@verb
def doctor(session: Session) -> int:
    """Say what is wrong with a workspace, and how to mend it.

    Exits 5 when something is wrong.
    """
    from engine.workspace.doctor import examine

    report = examine(session.home)
    session.show(report, _diagnosis)
    return 0 if report["healthy"] else FAILED


def _diagnosis(report: dict[str, Any]) -> str:
    marks = {"ok": click.style("✔", fg="green"), "warning": click.style("▲", fg="yellow")}
    wrong = click.style("✘", fg="red")
    lines = []
    for item in report["checks"]:
        lines.append(f"{marks.get(item['state'], wrong)} {item['name']:<12} {item['message']}")
        if item["state"] != "ok":
            lines.append(f"  {'':<12} {carried_over(item['remedy'])}")
    return "\n".join(lines)
