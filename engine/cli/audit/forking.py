"""`lading audit fork …`: two checkpoints of one log that contradict each other."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, carried_over, table, verb
from engine.errors import LogTampered
from engine.text import counted, printable


@click.group()
def fork() -> None:
    """Logs with two histories: what was found, and what to hand to others as proof."""


@fork.command("list", epilog="\b\nExamples:\n  lading audit fork list\n  lading audit fork list --json")
@verb
def list_(session: Session) -> None:
    """List the forks of partners' logs that were found here, and their files."""
    from engine.workspace.witness.forks import list_forks

    session.show(list_forks(session.home), _listed)


def _listed(result: dict[str, Any]) -> str:
    if not result["forks"]:
        return "no partner's log has contradicted itself"
    rows = [
        (
            each["id"],
            "resolved" if each["resolved"] else "open",
            each["kind"],
            each["origin"],
            f"{each['known']['size']} / {each['shown']['size']}",
            each["file"],
        )
        for each in result["forks"]
    ]
    return table(rows, ("FORK", "STATE", "KIND", "LOG", "SIZES", "FILE"))


@fork.command(
    epilog="\b\nExamples:\n"
    "  lading audit fork check 9b3f0c11d2a47e58.json --key borealis.example/lading/audit/0+2ac7e864+AQKm…\n"
    "  lading -C acme audit fork check 9b3f0c11d2a47e58.json"
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", "keys", metavar="VKEY", multiple=True, help="The log's key; without it, those pinned here.")
@verb
def check(session: Session, file: Path, keys: tuple[str, ...]) -> None:
    """Verify a fork file offline: did one log sign both checkpoints. Exits 4 when it did not."""
    from engine.workspace.witness.forks import check_file

    session.show(check_file(session.home, file, keys), _checked)


def _checked(result: dict[str, Any]) -> str:
    sides = [f"  {name:<6} {result[name]['size']:>9} {result[name]['root']}" for name in ("known", "shown")]
    return "\n".join([f"{result['origin']} signed both checkpoints: {result['meaning']}", *sides])


@fork.command(epilog="\b\nExamples:\n  lading -C acme --as ada audit fork compare cygnus.remembered.jsonl")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@verb
def compare(session: Session, file: Path) -> int:
    """Hold what another organization remembers of your partners' logs against what is remembered here.

    FILE is its state/remembered.jsonl, or a part of it. Exits 4 when a log showed you and them two histories; both
    checkpoints are then kept, and 'lading audit fork list' names the file.
    """
    result = session.act("fork.compare", {"file": str(file.absolute())})
    session.show(result, _compared)
    return LogTampered.exit_code if result["forked"] else 0


def _compared(result: dict[str, Any]) -> str:
    if not result["forked"]:
        compared = f"{counted(result['compared'], 'checkpoints')} compared"
        return f"{click.style('✔', fg='green')} {compared}: no contradiction to what is remembered here"
    who = ", ".join(map(printable, result["forked"]))
    see = carried_over("see 'lading audit fork list'")
    return f"{click.style('✘', fg='red')} two histories of the log of {who}: {see}"


@fork.command(
    epilog="\b\nExamples:\n  lading --as ada audit fork resolve 9b3f0c11d2a47e58 --reason 'restored a backup'"
)
@click.argument("fork_id", metavar="FORK")
@click.option("--reason", required=True, help="What the partner said, and why dealing may go on.")
@verb
def resolve(session: Session, fork_id: str, reason: str) -> None:
    """Say that a fork is settled: dealing with that partner goes on. The evidence stays."""
    result = session.act("fork.resolve", {"fork": fork_id, "reason": reason})
    session.show(result, lambda r: f"fork {r['fork']} of {r['origin']} is resolved")
