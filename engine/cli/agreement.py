"""`lading agreement`: propose, sign, show, list."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, carried_over, table, verb


@click.group()
def agreement() -> None:
    """What two organizations agreed: typed terms, one statement, signed by each."""


@agreement.command(epilog="\b\nExamples:\n  lading --as ada agreement propose agreement.yaml")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@verb
def propose(session: Session, file: Path) -> None:
    """Check an agreement file, keep it, and send it to the other party's gateway."""
    session.show(session.act("agreement.propose", {"file": str(file.absolute())}), _standing)


@agreement.command(epilog="\b\nExamples:\n  lading --as ada agreement sign 1f2e3d4c")
@click.argument("ref")
@verb
def sign(session: Session, ref: str) -> None:
    """Sign an agreement for this organization, and send the signature to the other party.

    REF is the agreement's id, its digest, or 8 or more characters of the digest. Signing again changes nothing and
    sends again what the other party may lack.
    """
    session.show(session.act("agreement.sign", {"ref": ref}), _standing)


@agreement.command(epilog="\b\nExamples:\n  lading agreement show 1f2e3d4c\n  lading agreement show 1f2e3d4c --json")
@click.argument("ref")
@verb
def show(session: Session, ref: str) -> None:
    """Show an agreement's terms, who signed it, and whether it is in force."""
    from engine.workspace.agreements import show_agreement

    session.show(show_agreement(session.home, ref), _terms)


@agreement.command("list", epilog="\b\nExamples:\n  lading agreement list")
@verb
def list_(session: Session) -> None:
    """List agreements and whether each is in force."""
    from engine.workspace.agreements import list_agreements

    session.show(list_agreements(session.home), _listed)


def _standing(result: dict[str, Any]) -> str:
    lines = [
        f"agreement {result['id']}, {result['provider']} to {result['consumer']}",
        f"  digest    {result['digest']}",
        f"  signed by {', '.join(result['signed_by']) or 'nobody yet'}",
        f"  in force  {'yes' if result['in_force'] else 'no'}",
    ]
    lines += [f"  ▲ {problem}" for problem in result["problems"]]
    if not result.get("told", True):
        lines.append(f"  ▲ the other party was not told: {result['why']}; run the same command again later")
    return "\n".join(lines)


def _terms(result: dict[str, Any]) -> str:
    terms = [f"  {key:<18} {_words(value)}" for key, value in result["terms"].items() if value not in (None, [], "")]
    return "\n".join(
        [_standing(result), f"  from      {result['effective']}", f"  until     {result['expires']}", *terms]
    )


def _words(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _listed(result: dict[str, Any]) -> str:
    if not result["agreements"]:
        return carried_over("no agreements yet: 'lading agreement propose' makes the first")
    rows = [
        (a["id"], a["digest"][:16], a["provider"], a["consumer"], "yes" if a["in_force"] else "no", a["expires"])
        for a in result["agreements"]
    ]
    return table(rows, ("AGREEMENT", "DIGEST", "PROVIDER", "CONSUMER", "IN FORCE", "UNTIL"))
