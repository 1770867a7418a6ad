"""`lading trust`: the document partners pin."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import OUTPUT, Session, verb


@click.group()
def trust() -> None:
    """This organization's own trust document: its Sigstore roots, gateway CA, log keys and identities."""


@trust.command(epilog="\b\nExamples:\n  lading -C acme trust export -o acme.trust.json")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The file to write.")
@verb
def export(session: Session, output: Path) -> None:
    """Write the signed trust document, to send to a partner; tell them the fingerprint by another channel."""
    from engine.files import write_atomic
    from engine.workspace.partners import own_document

    document, facts = own_document(session.home)
    write_atomic(output, document)
    session.show(facts | {"file": str(output)}, lambda f: f"wrote {output}\nfingerprint  {f['fingerprint']}")


@trust.command(epilog="\b\nExamples:\n  lading -C acme trust fingerprint")
@verb
def fingerprint(session: Session) -> None:
    """Print the fingerprint alone, to read to a partner over the telephone."""
    from engine.workspace.partners import own_document

    session.show(own_document(session.home)[1], lambda facts: str(facts["fingerprint"]))


@trust.command(epilog="\b\nExamples:\n  lading -C acme trust show")
@verb
def show(session: Session) -> None:
    """Show what partners pin: version, expiry, address, fingerprint."""
    from engine.workspace.partners import own_document

    session.show(own_document(session.home)[1], _shown)


@trust.command(epilog="\b\nExamples:\n  lading -C acme --as ada trust issue")
@verb
def issue(session: Session) -> None:
    """Make the next version of the trust document, after people, roles or addresses changed.

    Partners add and confirm it like the first one. Nothing happens when nothing changed.
    """
    session.show(session.act("trust.issue", {}), _issued)


def _issued(result: dict[str, Any]) -> str:
    verdict = "issued" if result["changed"] else "nothing changed: still"
    return f"{verdict} version {result['version']}, fingerprint {result['fingerprint']}"


def _shown(facts: dict[str, Any]) -> str:
    return "\n".join(f"{key:<12} {value}" for key, value in facts.items())
