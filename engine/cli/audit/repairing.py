"""`lading audit fsck, repair`: what is derived from the log, compared and rebuilt."""

from typing import Any

import click

from engine.cli.audit.checking import differences
from engine.cli.command import Session, verb
from engine.cli.progress import Bar, entries
from engine.errors import LogTampered
from engine.text import counted


@click.command(epilog="\b\nExamples:\n  lading -C acme audit fsck\n  lading -C acme audit fsck --json")
@verb
def fsck(session: Session) -> int:
    """Compute everything derived from the log again and compare it: columns, indexes, tiles, the full-text index.

    Verifies the log as 'lading audit verify' does, too, as nothing can be compared with leaves that are not the
    signed ones. Changes nothing. Exits 4 and says what differs, and where, when anything does.
    """
    from engine.workspace.log.derived import check_derived

    with Bar("verifying", enabled=not session.as_json, amount=entries) as bar:
        report = check_derived(session.home, bar.update)
    session.show(report, _compared)
    return 0 if report["ok"] else LogTampered.exit_code


@click.command(
    epilog="\b\nExamples:\n  lading -C acme --as ada audit repair --dry-run\n  lading -C acme --as ada audit repair"
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be rebuilt; change nothing.")
@verb
def repair(session: Session, *, dry_run: bool) -> None:
    """Rebuild what is derived wrongly: columns and tiles from the leaves, indexes, the full-text index.

    Never touches a leaf, payload, checkpoint or cosignature. If the leaves do not have the signed root, or
    anything else is wrong that is not derived, it says what, changes nothing, and exits 4. What is rebuilt is
    logged. Doing it again changes nothing. Who asks needs the right to govern.
    """
    with Bar("verifying", enabled=not session.as_json, amount=entries) as bar:
        result = session.act("audit.repair", {"dry_run": dry_run}, bar.update)
    session.show(result, _repaired)


def _compared(report: dict[str, Any]) -> str:
    if not report["ok"]:
        return differences(report)
    compared = report["compared"]
    beside = [name for name, there in (("full-text index", "search"), ("milestone", "milestone")) if compared[there]]
    return (
        f"{click.style('✔', fg='green')} everything derived from {report['origin']} is what its leaves say\n"
        f"  compared   {entries(compared['entries'])}, {counted(compared['tiles'], 'tiles')}, "
        f"{counted(compared['checkpoints'], 'checkpoints')}, {counted(compared['indexes'], 'indexes')}\n"
        f"  beside it  {', '.join(beside) or 'nothing yet'}"
    )


def _repaired(result: dict[str, Any]) -> str:
    done = {
        "columns": f"the columns of {entries(result['columns'])}",
        "tiles": f"tiles: {result['tiles']}",
        "indexes": "the indexes of the database",
        "search": "the full-text index, which is made anew by the next search",
        "milestone": "the milestone, which the next verification in full sets",
    }
    lines = [f"  {'rebuilt' if result['repaired'] else 'would rebuild'} {done[name]}" for name in done if result[name]]
    if not lines:
        return "nothing to repair: everything derived is what the leaves say"
    return "\n".join(["the log holds together" if result["repaired"] else "the log would hold together", *lines])
