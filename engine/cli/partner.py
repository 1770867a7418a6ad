"""`lading partner`: add, confirm, list."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, carried_over, command, table, verb
from engine.text import counted


@click.group()
def partner() -> None:
    """The organizations this one deals with, and the trust pinned for each."""


@partner.command(epilog="\b\nExamples:\n  lading --as ada partner add borealis.trust.json")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@verb
def add(session: Session, file: Path) -> None:
    """Take in a partner's trust document. Nothing is trusted until you confirm its fingerprint."""
    result = session.act("partner.add", {"file": str(file.absolute())})
    session.show(result, _added)


def _added(result: dict[str, Any]) -> str:
    confirm = command(f"partner confirm {result['organization']} --fingerprint '…'")
    lines = [
        f"{result['organization']} ({result['name']}, {result['region']}) waits to be confirmed",
        f"  gateway      {result['url']}, {counted(result['identities'], 'identities')}",
        *(f"  log          {key}" for key in result["log_keys"]),
        *(f"  witness      {key}" for key in result["witness_keys"]),
        f"  fingerprint  {result['fingerprint']}",
        "Ask them for their fingerprint by telephone, and only if it is the same:",
        f"  {confirm}",
    ]
    return "\n".join(lines)


@partner.command(epilog="\b\nExamples:\n  lading --as ada partner confirm borealis.example --fingerprint '1f2e 3d4c …'")
@click.argument("organization")
@click.option("--fingerprint", required=True, help="What the partner told you over another channel.")
@verb
def confirm(session: Session, organization: str, fingerprint: str) -> None:
    """Pin a partner's trust document, after its fingerprint was compared out of band."""
    result = session.act("partner.confirm", {"organization": organization, "fingerprint": fingerprint})
    session.show(result, lambda r: f"{r['organization']} is pinned, version {r['version']} of its trust document")


@partner.command("list", epilog="\b\nExamples:\n  lading partner list\n  lading partner list --json")
@verb
def list_(session: Session) -> None:
    """List partners, pinned and waiting."""
    from engine.workspace.partners import list_partners

    session.show(list_partners(session.home), _listed)


def _listed(result: dict[str, Any]) -> str:
    if not result["partners"]:
        return carried_over("no partners yet: 'lading partner add' takes in the first")
    rows = [(p["organization"], p["state"], str(p["version"]), p["expires"], p["url"]) for p in result["partners"]]
    return table(rows, ("PARTNER", "STATE", "VERSION", "EXPIRES", "GATEWAY"))
