"""`lading send`, `lading transfer` and `lading approval`."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, FAILED, Session, carried_over, command, reasons, table, verb
from engine.cli.progress import Bar, size
from engine.text import counted

EXIT = {"denied": DENIED, "failed": FAILED, "quarantined": FAILED}


@click.command(
    epilog="""\b
Examples:
  lading --as ada send --artifact sentiment:3.1 --to borealis.example \\
      --agreement 1f2e3d4c --purpose evaluation
  lading --as ada send --plan plan.yaml
  lading --as ada send --plan plan.yaml --rate-limit 20

Running it again goes on where it stopped. Exit codes: 0 delivered (or waiting for an approval),
3 denied by policy, 5 refused at arrival, 6 the partner cannot be reached.
"""
)
@click.option(
    "--plan", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A YAML file with these fields."
)
@click.option("--artifact", help="NAME:VERSION, or a root digest.")
@click.option("--to", "partner", metavar="ORG", help="The partner it goes to.")
@click.option("--agreement", help="The agreement it goes under: id or digest.")
@click.option("--purpose", help="One of the agreement's purposes.")
@click.option("--impact", help="What you expect to change downstream, in your words.")
@click.option("--rate-limit", type=click.FloatRange(min=0.1), metavar="MIB/S", help="Send at most this fast.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to try an unreachable partner.  [default: 60]",
)
@verb
def send(session: Session, **order: Any) -> int:
    """Hand an artifact to a partner: preflight, decision, offer, chunks, receipt, verdict, witness."""
    given = {key: str(value.absolute()) if isinstance(value, Path) else value for key, value in order.items()}
    with Bar("sending", enabled=not session.as_json) as bar:
        result = session.act("transfer.send", {k: v for k, v in given.items() if v is not None}, progress=bar.update)
    session.show(result, _sent)
    return EXIT.get(result["state"], 0)


def _sent(result: dict[str, Any]) -> str:
    head = f"{result['artifact']} to {result['partner']}: {result['state']}  ({result['id']})"
    if result["state"] == "awaiting-approval":
        grant = command(f"approval grant {result['id']} --reason '…'", by="SOMEBODY")
        return f"{head}\na second person lets it go: {grant}"
    if result["state"] != "completed":
        detail = [f"  {result['detail']}"] if result["detail"] else []
        return carried_over("\n".join([head, *detail, *reasons(result.get("reasons", []))]))
    bill = command(f"bill create {result['id']} -o {result['id']}.bill.json")
    return (
        f"{head}\n"
        f"  sent      {size(result['bytes_total'])} in {counted(result['chunks_total'], 'chunks')}, "
        f"{result['sent_twice']} of them twice\n"
        f"  receipt   signed by {result['receipt_by']}\n"
        f"  verdict   {result['verdict']}\n"
        f"next: {bill}"
    )


@click.group()
def transfer() -> None:
    """The transfers of this organization, both ways."""


@transfer.command(
    "list", epilog="\b\nExamples:\n  lading --as ada transfer list\n  lading --as ada transfer list --json"
)
@verb
def list_(session: Session) -> None:
    """List transfers, newest first."""
    session.show(session.act("transfer.list", {}), _listed)


def _listed(result: dict[str, Any], *, empty: str = "no transfers yet") -> str:
    if not result["transfers"]:
        return empty
    rows = [
        (t["id"], "→" if t["direction"] == "out" else "←", t["partner"], t["artifact"], t["state"], t["step"])
        for t in result["transfers"]
    ]
    return table(rows, ("TRANSFER", " ", "PARTNER", "ARTIFACT", "STATE", "STEP"))


@click.group()
def approval() -> None:
    """Transfers that wait for a second person."""


@approval.command("list", epilog="\b\nExamples:\n  lading --as abe approval list")
@verb
def waiting(session: Session) -> None:
    """List the transfers that wait for an approval."""
    result = session.act("approval.list", {})
    session.show(result, lambda found: _listed(found, empty="no transfer waits for an approval"))


@approval.command(epilog="\b\nExamples:\n  lading --as abe approval grant tr-1f2e3d --reason 'reviewed with legal'")
@click.argument("transfer_id", metavar="TRANSFER")
@click.option("--reason", required=True, help="Why; it is signed and logged.")
@verb
def grant(session: Session, transfer_id: str, reason: str) -> None:
    """Let a waiting transfer go on. You must not be the one who asked for it."""
    result = session.act("approval.grant", {"transfer": transfer_id, "reason": reason})
    session.show(
        result, lambda r: carried_over(f"approved {r['id']} until {r['expires']}; its next 'lading send' goes on")
    )


@approval.command(epilog="\b\nExamples:\n  lading --as abe approval refuse tr-1f2e3d --reason 'not this quarter'")
@click.argument("transfer_id", metavar="TRANSFER")
@click.option("--reason", required=True, help="Why; it is logged.")
@verb
def refuse(session: Session, transfer_id: str, reason: str) -> None:
    """Refuse a waiting transfer for good."""
    result = session.act("approval.refuse", {"transfer": transfer_id, "reason": reason})
    session.show(result, lambda r: f"refused {r['id']}")
