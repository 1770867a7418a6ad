"""`lading bill`: create and verify bills of lading."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, verb


@click.group()
def bill() -> None:
    """The bill of lading: one file that proves a handoff, offline, to a third party."""


@bill.command(epilog="\b\nExamples:\n  lading --as ada bill create tr-1f2e3d -o handoff.bill.json")
@click.argument("transfer")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
@verb
def create(session: Session, transfer: str, output: Path) -> None:
    """Gather everything about a finished TRANSFER into one signed file."""
    from engine.files import write_atomic

    result = session.act("bill.create", {"transfer": transfer})
    write_atomic(output.absolute(), result["bill"].encode())
    summary = {key: value for key, value in result.items() if key != "bill"} | {"file": str(output)}
    session.show(summary, lambda s: f"wrote {output}, {s['size']} bytes, signed by {s['signed_by']}")


@bill.command(
    epilog="""\b
Examples:
  lading bill verify handoff.bill.json --trust borealis/trust
  lading bill verify samples/handoff.bill.json --trust samples/trust
"""
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--trust",
    "trust",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of pinned trust.  [default: the workspace's trust/]",
)
@verb
def verify(session: Session, file: Path, trust: Path | None) -> None:
    """Verify a bill offline, from pinned trust alone. Exits 4 when anything does not hold."""
    from engine.custody.account import verify_bill
    from engine.workspace.layout import Layout

    account = verify_bill(file.read_bytes(), trust or Layout(session.home).trust)
    session.show(account.to_json(), _account)


def _account(account: dict[str, Any]) -> str:
    lines = [f"{account['artifact']}  {account['sender']} → {account['receiver']}  ({account['transfer']})"]
    lines += [f"{click.style('✔', fg='green')} {line}" for line in account["proved"]]
    return "\n".join([*lines, f"evidence: {account['grade']}"])
