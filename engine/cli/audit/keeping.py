"""`lading audit erase, retain, hold`: how long the record is kept."""

from collections.abc import Callable
from typing import Any

import click

from engine.cli.audit.reading import filter_completion
from engine.cli.command import FAILED, Session, table, verb
from engine.cli.progress import Bar, entries
from engine.errors import UsageError
from engine.text import counted

_CONDITIONS = (
    click.argument("filter_text", metavar="[FILTER]", default="", shell_complete=filter_completion),
    click.option("--entry", "entries", multiple=True, metavar="N", help="An index, or a range such as 12-20."),
    click.option("--actor", "actors", multiple=True, metavar="WHO", help="Who acted, by name or identity."),
)


def conditions(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says which entries are meant: a filter, indices, who acted."""
    for option in reversed(_CONDITIONS):
        function = option(function)
    return function


@click.command(
    epilog="""\b
Examples:
  lading -C acme --as ada audit erase --actor ben --dry-run
  lading -C acme --as ada audit erase --naming 'Ben Ames' --reason 'request 2026-12'
  lading -C acme --as ada audit erase --entry 12 --entry 30-34 --reason 'typed in by mistake'
  lading -C acme --as ada audit erase 'type:decision.* until:2025-12-31 -partner:borealis.example' --dry-run
"""
)
@conditions
@click.option("--naming", metavar="TEXT", help="Only entries whose payload contains this text.")
@click.option("--reason", default="", help="Why, unless it is a dry run; it stays in the log for good, so name nobody.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go, what is kept, and what is lost with it.")
@verb
def erase(session: Session, filter_text: str, **params: Any) -> int:
    """Erase payloads for good: names, purposes, reasons. Leaves stay, so every proof still holds.

    FILTER is as in 'lading audit query'. All conditions have to hold; of an option given several times, any.
    What is under a legal hold or still needed is kept, and the command then exits 5. Who asks needs the right to
    govern.
    """
    if not (params["reason"] or params["dry_run"]):
        raise UsageError(
            "nothing is erased for good without a reason",
            remedy="Add --reason; it stays in the log, so name nobody. Or see with --dry-run what would go.",
        )
    with Bar("erasing", enabled=not session.as_json, amount=entries) as bar:
        result = session.act("audit.erase", {"filter": filter_text, **params}, bar.update)
    session.show(result, _erased)
    return FAILED if result["kept"] else 0


@click.command(
    epilog="\b\nExamples:\n  lading -C acme --as ada audit retain --dry-run\n  lading -C acme --as ada audit retain"
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go, by rule and type, and what is kept.")
@verb
def retain(session: Session, *, dry_run: bool) -> None:
    """Erase the payloads that [retention] in lading.toml keeps no longer, unless they are held or needed.

    The gateway does it once a day when retention.daily is true. Doing it again erases nothing more.
    """
    with Bar("erasing", enabled=not session.as_json, amount=entries) as bar:
        result = session.act("audit.retain", {"dry_run": dry_run}, bar.update)
    session.show(result, _retained)


@click.group()
def hold() -> None:
    """Legal hold: payloads that nobody may erase until it is lifted."""


@hold.command(
    epilog="""\b
Examples:
  lading -C acme --as ada audit hold place case-7 'transfer:tr-1f2e3d*' --reason 'letter of 3 June'
  lading -C acme --as ada audit hold place audit-2026 'partner:borealis.example since:2026-01-01' --reason audit
"""
)
@click.argument("name")
@conditions
@click.option("--reason", required=True, help="Why; it is logged for good.")
@verb
def place(session: Session, name: str, filter_text: str, reason: str, **covers: Any) -> None:
    """Place a hold on all entries, past and future, that meet every condition."""
    params = {"name": name, "reason": reason, "covers": {"filter": filter_text, **covers}}
    session.show(
        session.act("hold.place", params),
        lambda made: f"hold {made['name']} covers {counted(made['entries'], 'entries')} now",
    )


@hold.command(epilog="\b\nExamples:\n  lading -C acme --as ada audit hold lift case-7 --reason 'settled'")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is logged for good.")
@verb
def lift(session: Session, name: str, reason: str) -> None:
    """Lift a hold. Other holds that cover the same entries still stand."""
    result = session.act("hold.lift", {"name": name, "reason": reason})
    session.show(result, lambda made: f"hold {made['name']} no longer stands")


@hold.command("list", epilog="\b\nExamples:\n  lading -C acme --as ada audit hold list")
@verb
def list_(session: Session) -> None:
    """List the holds that stand, as the log has them."""
    session.show(session.act("hold.list", {}), _listed)


def _listed(result: dict[str, Any]) -> str:
    if not result["holds"]:
        return "no hold stands"
    rows = [
        (each["name"], each["since"], each["by"], str(each["entries"]), each["covers"], _where(each))
        for each in result["holds"]
    ]
    return table(rows, ("HOLD", "SINCE", "BY", "ENTRIES", "COVERS", "REASON"))


def _where(hold_: dict[str, Any]) -> str:
    return hold_["reason"] if hold_["origin"] is None else f"{hold_['reason']} (in {hold_['origin']})"


def _erased(result: dict[str, Any]) -> str:
    lines = _summary(result)
    lines += [f"  is lost    {loss}" for loss in result["losses"]]
    lines += [f"  still in   {path}" for path in result.get("still_named_in", ())]
    if result["entries"] or result["former"]:
        lines += [f"  not reached: {place_}" for place_ in result["outside"]]
    return "\n".join(lines)


def _retained(result: dict[str, Any]) -> str:
    if not result["profile"]:
        return "lading.toml keeps everything for ever: [retention.keep] names no types"
    rules = [f"  rule       {rule}: {count}" for rule, count in result["by_rule"].items()]
    return "\n".join([*_summary(result), *rules])


def _summary(result: dict[str, Any]) -> list[str]:
    count = len(result["entries"]) + sum(len(each["entries"]) for each in result["former"])
    done = "erased" if result["erased"] else "would erase"
    lines = [f"{done} the payloads of {counted(count, 'entries')}"]
    lines += [f"  {event_type:<24} {number}" for event_type, number in result["by_type"].items()]
    lines += [f"  {click.style('kept', bold=True)} {len(each['entries'])}: {each['why']}" for each in result["kept"]]
    lines += [f"  {len(each['entries'])} of them in the former log {each['origin']}" for each in result["former"]]
    if result["before"]:
        lines.append(f"  {result['before']} were erased before")
    return lines
