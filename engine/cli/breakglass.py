"""`lading breakglass`: let one transfer past failed checks, with a second person and a review."""

from typing import Any

import click

from engine.cli.command import Session, advice, command, table, verb
from engine.text import printable


@click.group()
def breakglass() -> None:
    """Break-glass: one transfer past named findings of its checks, signed by a second person, and reviewed.

    It never goes around mutual TLS, signatures, digests or quarantine, and lasts four hours at most.
    """


@breakglass.command(
    epilog="""\b
Examples:
  lading --as ada breakglass request tr-1f2e3d --waive extra --ticket INC-17 --reason 'outage at the partner'
"""
)
@click.argument("transfer_id", metavar="TRANSFER")
@click.option("--waive", "waives", multiple=True, required=True, help="The code of a finding; repeatable.")
@click.option("--ticket", required=True, help="The incident it belongs to, in your own numbering.")
@click.option("--reason", required=True, help="Why; it is logged.")
@click.option(
    "--hours", type=click.FloatRange(0, 4, min_open=True), default=2.0, show_default=True, help="How long it lasts."
)
@verb
def request(
    session: Session, transfer_id: str, waives: tuple[str, ...], ticket: str, reason: str, hours: float
) -> None:
    """Ask for a ticket for a transfer that was denied for failed checks."""
    params = {"transfer": transfer_id, "waives": list(waives), "ticket": ticket, "reason": reason, "hours": hours}
    result = session.act("breakglass.request", params)
    next_ = command(f"breakglass approve {result['id']} --reason '…'", by="SOMEBODY")
    session.show(result, lambda made: _told(session, made, f"waits: {next_}"))


@breakglass.command(
    epilog="\b\nExamples:\n  lading --as sec breakglass approve bg-1f2e3d --reason 'the file is harmless'"
)
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Why; it is signed and logged.")
@verb
def approve(session: Session, id_: str, reason: str) -> None:
    """Sign a ticket as a second person. The transfer's next 'lading send' goes on by it."""
    result = session.act("breakglass.approve", {"id": id_, "reason": reason})
    session.show(result, lambda made: _told(session, made, f"approved until {made['expires']}; its use opens a review"))


@breakglass.command(
    "list", epilog="\b\nExamples:\n  lading --as sec breakglass list\n  lading --as sec breakglass list --json"
)
@verb
def list_(session: Session) -> None:
    """List tickets, newest first; those whose review is open stand out."""
    session.show(session.act("breakglass.list", {}), lambda result: _listed(session, result))


@breakglass.command(
    epilog="\b\nExamples:\n  lading --as eve breakglass review bg-1f2e3d --finding 'justified; the check was mended'"
)
@click.argument("id_", metavar="ID")
@click.option("--finding", required=True, help="What you found; it is logged.")
@verb
def review(session: Session, id_: str, finding: str) -> None:
    """Close the review of a ticket that was used, as somebody who neither asked for it nor approved it."""
    result = session.act("breakglass.review", {"id": id_, "finding": finding})
    session.show(result, lambda made: _told(session, made, f"reviewed by {made['reviewer']}"))


def _told(session: Session, ticket: dict[str, Any], what: str) -> str:
    lines = [
        f"{click.style('▲ break-glass', fg='yellow', bold=True)} {ticket['id']} {what}",
        f"  transfer  {ticket['transfer']}",
        f"  waives    {', '.join(ticket['waives'])}",
        f"  incident  {printable(ticket['ticket'])}",
    ]
    return "\n".join([*lines, *advice(session)])


def _listed(session: Session, result: dict[str, Any]) -> str:
    if not result["tickets"]:
        return "no break-glass yet"
    rows = [
        (
            each["id"],
            "▲ review open" if each["state"] == "used" else each["state"],
            each["transfer"],
            ", ".join(each["waives"]),
            printable(each["ticket"]),
            each["requester"],
            each["approver"] or "-",
        )
        for each in result["tickets"]
    ]
    header = ("ID", "STATE", "TRANSFER", "WAIVES", "INCIDENT", "ASKED BY", "APPROVED BY")
    return "\n".join([table(rows, header), *advice(session)])
