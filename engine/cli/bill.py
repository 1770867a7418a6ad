"""`lading bill`: create and verify bills of lading."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import OUTPUT, Session, verb
from engine.cli.progress import entries
from engine.errors import UsageError

MARKS = {"repeated": click.style("✔", fg="green"), "withheld": click.style("·", fg="yellow")}


@click.group()
def bill() -> None:
    """The bill of lading: one file that proves a handoff, offline, to a third party."""


@bill.command(
    epilog="""\b
Examples:
  lading --as ada bill create tr-1f2e3d -o handoff.bill.json
  lading --as bea bill create tr-1f2e3d -o handoff.bill.json --annex clear
  lading --as ada bill create tr-1f2e3d -o handoff.bill.json --annex-for age1… --annex-for-file auditors.txt
"""
)
@click.argument("transfer")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The file to write.")
@click.option(
    "--annex",
    type=click.Choice(["none", "clear"]),
    default="none",
    show_default=True,
    help="Add what replays each side's decisions, as far as it gives that, readable by everybody.",
)
@click.option("--annex-for", multiple=True, metavar="RECIPIENT", help="Add it encrypted to an auditor: age1….")
@click.option(
    "--annex-for-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Add it encrypted to each recipient in a file, one a line.",
)
@click.option("--renew", is_flag=True, help="Collect the evidence of both logs again, with newer cosignatures.")
@verb
def create(
    session: Session,
    transfer: str,
    output: Path,
    annex: str,
    annex_for: tuple[str, ...],
    annex_for_file: Path | None,
    renew: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Gather everything about a finished TRANSFER, sent or received, into one signed file.

    With an annex the partner is asked for its own, in the clear or for the same auditors; where it gives none, the
    bill says why. Made again it has the same content and date, until the evidence is renewed.
    """
    from engine.custody.age import read_recipients
    from engine.files import write_atomic

    recipients = [*annex_for, *(read_recipients(annex_for_file) if annex_for_file else ())]
    wish = {"transfer": transfer, "annex": annex, "annex_for": recipients, "renew": renew}
    result = session.act("bill.create", wish)
    write_atomic(output.absolute(), result["bill"].encode())
    summary = {key: value for key, value in result.items() if key != "bill"} | {"file": str(output)}
    session.show(summary, _written)


def _written(summary: dict[str, Any]) -> str:
    lines = [f"wrote {summary['file']}, {summary['size']} bytes, signed by {summary['signed_by']}"]
    lines += [f"without the annex of {org}: {why}" for org, why in summary["absent"].items()]
    return "\n".join(lines)


@bill.command(
    epilog="""\b
Examples:
  lading bill verify handoff.bill.json --trust borealis/trust
  lading bill verify handoff.bill.json --trust borealis/trust --identity auditor.key
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
@click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of age private keys, to open annexes with.",
)
@verb
def verify(session: Session, file: Path, trust: Path | None, identity: Path | None) -> None:
    """Verify a bill offline, from pinned trust alone. Exits 4 when anything does not hold.

    Where an annex can be read, each decision is made again from its own policies, and compared.
    """
    from engine.custody.account import verify_bill
    from engine.custody.age import read_identities
    from engine.workspace.layout import Layout

    pinned = trust or Layout(session.home).trust
    if not pinned.is_dir():
        raise UsageError(
            f"there is no trust to verify the bill with: {pinned} is not there",
            remedy="Name a folder of pinned trust with '--trust', or your workspace: 'lading -C FOLDER bill verify …'.",
        )
    identities = tuple(read_identities(identity)) if identity else ()
    account = verify_bill(file.read_bytes(), pinned, identities)
    session.show(account.to_json(), _account)


def _account(account: dict[str, Any]) -> str:
    """Write the account on one page."""
    lines = [f"{account['artifact']}  {account['sender']} → {account['receiver']}  ({account['transfer']})"]
    lines += [f"{click.style('✔', fg='green')} {line}" for line in account["proved"]]
    if account["statements"]:
        lines += ["", "statements"]
        lines += [
            f"  {each['time']}  {each['name']}: {each['signer']} ({each['organization']}): {each['says']}"
            for each in sorted(account["statements"], key=lambda each: str(each["time"]))
        ]
    if account["decisions"]:
        lines += ["", "decisions", *_decisions(account["decisions"])]
    if account["findings"]:
        lines += ["", "checks", *(line for each in account["findings"] for line in _checks(each))]
    lines += [f"annex of {org}: {state}" for org, state in account["annexes"].items() if state != "none"]
    lines += [
        f"left out: {entries(count)} of the log of {org}, for only repeating others, as {org} says"
        for org, count in account["left_out"].items()
    ]
    lines += [f"earlier: {line}" for line in account["earlier"]]
    return "\n".join([*lines, f"evidence: {account['grade']}"])


def _decisions(decisions: list[dict[str, Any]]) -> list[str]:
    """Write decisions; why, only where it differs from what that side said before."""
    lines: list[str] = []
    said: set[tuple[str, ...]] = set()
    for each in decisions:
        words = (each["organization"], *each["words"])
        lines += _decision(each if words not in said else each | {"words": []})
        said.add(words)
    return lines


def _decision(told: dict[str, Any]) -> list[str]:
    where = f"{told['time']}  {told['organization']}, entry {told['index']}: {told['decision']}"
    if told["id"] is None:
        return [f"  {MARKS['withheld']} {where} by bundle {told['policy'][:16]}; its record is withheld"]
    mark = MARKS.get(told["replay"], " ")
    asked = f"{told['principal']} {told['action']}, by {', '.join(told['because'])}"
    again = "decided again from its policies: the same" if told["replay"] == "repeated" else told["replay"]
    return [f"  {mark} {where}: {asked} ({again})", *(f"      {line}" for line in told["words"])]


def _checks(found: dict[str, Any]) -> list[str]:
    where = f"  {found['time']}  {found['organization']}: {found['stage'] or 'checks'}"
    outcome = "passed" if found["passed"] else "failed"
    if found["withheld"]:
        return [f"{where} {outcome}; what they found is withheld"]
    return [f"{where} {outcome}", *(f"      {line}" for line in found["findings"])]
