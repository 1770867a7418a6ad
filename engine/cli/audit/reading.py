"""`lading audit show`: what the log says."""

from typing import Any

import click

from engine.cli.command import Session, table, verb


@click.command(
    epilog="""\b
Examples:
  lading -C acme audit show
  lading -C acme audit show --type decision.deny --limit 5
  lading -C acme audit show --entry 12
"""
)
@click.option("--type", "event_type", help="Only entries of this type, such as decision.deny.")
@click.option("--transfer", help="Only entries of this transfer.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=40,
    show_default=True,
    help="At most this many, newest first.",
)
@click.option("--entry", type=click.IntRange(min=0), help="One entry whole, by its index.")
@verb
def show(session: Session, event_type: str | None, transfer: str | None, limit: int, entry: int | None) -> None:
    """Show entries of the log, newest first."""
    from engine.workspace.record import show_entries, show_entry

    if entry is not None:
        session.show(show_entry(session.home, entry), _whole)
        return
    result = show_entries(session.home, event_type=event_type, transfer=transfer, limit=limit)
    session.show(result, _shown)


def _whole(entry: dict[str, Any]) -> str:
    public = [f"  {key:<12} {value}" for key, value in entry["public"].items()]
    payload = [f"  {key:<12} {value}" for key, value in (entry["payload"] or {}).items()]
    return "\n".join([f"entry {entry['index']}", *public, "payload", *payload])


def _shown(result: dict[str, Any]) -> str:
    if not result["entries"]:
        return "no entries match"
    rows = [
        (str(e["index"]), e["time"], e["type"], e["partner"] or "", e["transfer"] or "", e["decision"] or "")
        for e in result["entries"]
    ]
    return table(rows, ("INDEX", "TIME", "TYPE", "PARTNER", "TRANSFER", "DECISION"))
