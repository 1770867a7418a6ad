"""`lading audit tiles, check-tiles`: the log as a folder of files."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import INDEX, Session, verb
from engine.cli.progress import Bar, entries
from engine.text import agreeing, counted

FOLDER = click.Path(path_type=Path, file_okay=False)

minimum_index = click.option(
    "--minimum-index",
    "minimum",
    type=INDEX,
    default=0,
    help="The folder was pruned: entries from before this one may lack.",
)


@click.command(
    epilog="\b\nExamples:\n  lading -C acme audit tiles cold/acme\n  lading -C acme audit tiles cold/acme --json"
    "\n  lading -C acme audit tiles public/acme --minimum-index 51200"
)
@click.argument("folder", type=FOLDER)
@click.option(
    "--minimum-index",
    type=INDEX,
    help="Prune FOLDER: no entries from before this one, as far as whole bundles of 256 go. 0 brings all back.",
)
@verb
def tiles(session: Session, folder: Path, minimum_index: int | None) -> None:
    """Write the log to FOLDER as static files (C2SP tlog-tiles), or add what is new since the last time.

    Leaves and hashes only: payloads, which may have to be erased one day, stay here. What FOLDER has must be a
    beginning of this log, or the command exits with 4 and writes nothing.

    --minimum-index prunes FOLDER alone: this log keeps its entries, and what was proved before stays proved. Tell
    whoever checks the folder; they name the minimum index, too.
    """
    from engine.workspace.log.tiles import write_tiles

    with Bar("writing", enabled=not session.as_json, amount=entries) as bar:
        report = write_tiles(session.home, folder, bar.update, minimum_index)
    session.show(report, _written)


def _written(report: dict[str, Any]) -> str:
    return (
        f"{click.style('✔', fg='green')} {report['folder']} has {entries(report['size'])} of {report['origin']}"
        f", {report['added']:,} of them new\n  root {report['root']}{_pruned(report)}"
    )


def _pruned(report: dict[str, Any]) -> str:
    if report["minimum_index"] is None:
        return ""
    return f"\n  minimum index {report['minimum_index']}: {counted(report['pruned'], 'files')} before it went"


@click.command(
    "check-tiles",
    epilog="\b\nExamples:\n  lading audit check-tiles cold/acme --key acme.example/lading/audit/0+cab6885d+AQOh…",
)
@click.argument("folder", type=FOLDER)
@minimum_index
@click.option(
    "--key", "vkeys", required=True, multiple=True, help="The log's verifier key, from its owner; may be repeated."
)
@verb
def check_tiles(session: Session, folder: Path, vkeys: tuple[str, ...], minimum: int) -> None:
    """Compute a folder of tiles again from its entries, up to the root that the log's key signed.

    Needs no workspace. Exits 4 when anything differs, and says which file.
    """
    from engine.audit.note import NoteKey
    from engine.workspace.log.tiles import check_tiles as check

    with Bar("verifying", enabled=not session.as_json, amount=entries) as bar:
        report = check(folder, [NoteKey.parse(vkey) for vkey in vkeys], bar.update, minimum)
    session.show(report, _checked)


def _checked(report: dict[str, Any]) -> str:
    lacks = f"\n  not read     entries 0 to {report['first'] - 1}: only their tree" if report["first"] else ""
    size = report["size"]
    return (
        f"{click.style('✔', fg='green')} {entries(size)} of {report['origin']} {agreeing(size, 'hold')} together\n"
        f"  root {report['root']}{lacks}"
    )
